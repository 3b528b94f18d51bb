"""A statement as tokens with their places in the text, so that parts of it can be replaced and the rest stays as written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from .errors import SqlError


class _Words(Databricks):
    """Databricks' tokens; commands (SHOW, OPTIMIZE, …) too are read word by word, not as one text."""

    class Tokenizer(Databricks.Tokenizer):
        COMMANDS: ClassVar[set[TokenType]] = set()


_DIALECT = _Words()


def tokenize(text: str) -> list[Token]:
    """The tokens of a statement. Raises `PARSE_SYNTAX_ERROR` for an unfinished string or comment."""
    try:
        found = _DIALECT.tokenize(text)
    except SqlglotError as error:
        raise SqlError("PARSE_SYNTAX_ERROR", f"Syntax error: {error}") from error
    # `5L` and `1.5D` come as three tokens of the same place: keep the first.
    unique: list[Token] = []
    for token in found:
        if not unique or token.start > unique[-1].end:
            unique.append(token)
    return unique


@dataclass(frozen=True)
class Edit:
    """Replaces the characters from `start` up to, but without, `end`."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class Cursor:
    """Reads a statement from its first token on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [token for token in tokenize(text) if token.token_type != TokenType.SEMICOLON]
        self.index = 0

    @property
    def token(self) -> Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    @property
    def word(self) -> str:
        """The current token in upper case, empty for strings, quoted names and the end."""
        token = self.token
        if token is None or token.token_type in (
            TokenType.STRING,
            TokenType.RAW_STRING,
            TokenType.IDENTIFIER,
        ):
            return ""
        return token.text.upper()

    @property
    def done(self) -> bool:
        return self.token is None

    def source(self, token: Token) -> str:
        return self.text[token.start : token.end + 1]

    def take(self, *words: str) -> bool:
        """Moves past these words (a token of several words, like `ORDER BY`, counts as them), or stays and gives False."""
        wanted = " ".join(words)
        index = self.index
        seen = ""
        while index < len(self.tokens) and len(seen) < len(wanted):
            token = self.tokens[index]
            if token.token_type in (TokenType.STRING, TokenType.RAW_STRING, TokenType.IDENTIFIER):
                return False
            seen = f"{seen} {' '.join(token.text.upper().split())}".strip()
            index += 1
        if seen != wanted:
            return False
        self.index = index
        return True

    def name(self) -> tuple[list[str], int, int] | None:
        """A dotted name here: its parts and its place in the text. None (and no move) where there is none."""
        begin = self.index
        parts: list[str] = []
        start = end = 0
        while self.token is not None:
            token = self.token
            if token.token_type == TokenType.IDENTIFIER:
                parts.append(token.text)
            elif token.text[:1].isalnum() or token.text[:1] == "_":
                # A number with a dot, as in `a.1b`, is more than this reads; Sail may still.
                parts.append(token.text)
            else:
                break
            if len(parts) == 1:
                start = token.start
            end = token.end + 1
            self.index += 1
            if self.token is None or self.token.token_type != TokenType.DOT:
                return parts, start, end
            self.index += 1
        self.index = begin
        return None

    def skip_parentheses(self) -> tuple[int, int] | None:
        """Moves past a group in parentheses; its place in the text, parentheses included."""
        token = self.token
        if token is None or token.token_type != TokenType.L_PAREN:
            return None
        depth = 0
        while self.token is not None:
            kind = self.token.token_type
            depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
            end = self.token.end + 1
            self.index += 1
            if depth == 0:
                return token.start, end
        return None
