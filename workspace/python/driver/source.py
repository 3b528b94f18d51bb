"""Reads the Databricks source format: a notebook as a source file with commands, magics and titles in comments."""

import re
from typing import NamedTuple

_COMMENT = {"PYTHON": "#", "SQL": "--", "SCALA": "//", "R": "#"}

#: Magics that set the language of a whole cell, when they are its first word.
CELL_MAGICS = {"md", "md-sandbox", "sql", "python", "run", "sh", "scala", "r", "fs"}


class Cell(NamedTuple):
    """One command. `number` counts from 1 as people do; `source` is without magic and comment prefixes."""

    number: int
    language: str
    source: str
    title: str = ""


def parse(text, language):
    """The cells of a notebook whose default language is `language` (`PYTHON`, `SQL`, `SCALA` or `R`)."""
    comment = re.escape(_COMMENT.get(language, "#"))
    lines = text.replace("\r\n", "\n").lstrip("\ufeff").split("\n")
    if re.match(rf"{comment}\s*Databricks notebook source\s*$", lines[0]):
        lines = lines[1:]
    groups = [[]]
    separator = re.compile(rf"{comment}\s*COMMAND\s*-{{5,}}\s*$")
    for line in lines:
        if separator.match(line):
            groups.append([])
        else:
            groups[-1].append(line)
    cells = []
    for group in groups:
        cell = _cell(len(cells) + 1, group, language.lower(), comment)
        if cell:
            cells.append(cell)
    return cells


def _cell(number, lines, language, comment):
    title = ""
    body = []
    for line in lines:
        heading = re.match(rf"{comment}\s*DBTITLE\s+\d+\s*,(.*)$", line)
        if heading and not title:
            title = heading[1].strip()
        else:
            body.append(line)
    while body and not body[0].strip():
        body.pop(0)
    while body and not body[-1].strip():
        body.pop()
    if not body:
        return None
    magic = re.compile(rf"{comment}\s*MAGIC(?: (.*)|\s*)$")
    first = magic.match(body[0])
    if first:
        word = re.match(r"%([\w-]+)\s*(.*)$", first[1] or "")
        if word and word[1].lower() in CELL_MAGICS:
            plain = [word[2]] if word[2] else []
            for line in body[1:]:
                match = magic.match(line)
                plain.append((match[1] or "") if match else line)
            return Cell(number, word[1].lower(), "\n".join(plain), title)
    if language == "python":
        # Line magics keep their line, so that the numbers in a traceback stay right.
        body = [_line_magic(line, magic.match(line)) for line in body]
    return Cell(number, language, "\n".join(body), title)


def _line_magic(line, match):
    text = (match[1] or "").strip() if match else ""
    return f"__notebook_magic__({text!r})" if text[:1] in ("%", "!") else line


def split_sql(text):
    """SQL statements between semicolons; those in strings, quoted names and comments do not separate."""
    statements = []
    start = 0
    pattern = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|;"
    for match in re.finditer(pattern, text, re.S):
        if match[0] == ";":
            statements.append(text[start : match.start()])
            start = match.end()
    statements.append(text[start:])
    return [statement.strip() for statement in statements if _without_comments(statement).strip()]


def _without_comments(text):
    return re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def sql_parameters(text):
    """Names used as `:name` outside of strings and comments."""
    bare = re.sub(
        r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`", "''", _without_comments(text), flags=re.S
    )
    return set(re.findall(r"(?<![:\w]):([A-Za-z_]\w*)", bare))
