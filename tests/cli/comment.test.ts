/** The pull request's comment: what it says, that nothing in it is more than text, and that GitHub takes it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type * as micromarkModule from "micromark" with { "resolution-mode": "import" };
import type * as gfmModule from "micromark-extension-gfm" with { "resolution-mode": "import" };
import { LIMIT, renderComment, type CommentOptions } from "../../cli/preview/markdown";
import { showPreviews } from "../../cli/preview/text";
import { failedPreview, type StackPreview } from "../../cli/preview/types";
import { ROOT } from "../support/pulumi";
import { first, LIVE, NEXT, saying, staging, unchanged } from "./previewData";

const OPTIONS: CommentOptions = {
  githash: NEXT,
  runUrl: "https://github.com/acme/churn/actions/runs/4711",
};

/** Names that do their worst. */
const HOSTILE = [
  "`code` ends here",
  "``` \n```\n# heading",
  "a | b | c",
  "a \\| b",
  "@acme/owners please look, closes #1",
  "<!-- notebook-releases:preview --> </details></details>",
  "</details><img src=x onerror=alert(1)><script>alert(1)</script>",
  "[click](https://evil.example) ![](https://evil.example/pixel.png)",
  "https://evil.example www.evil.example mail@evil.example",
  "line one\nline two\r\n- [x] task\n\n    code",
  "**bold** _it_ ~~gone~~ $x$ :tada: &lt;b&gt; &#64;acme",
  "`",
  "``a``",
  " ` ",
  "\u202egnp.exe\u2066 \u200b zero",
  "\u001b[31mred\u0007",
  ") [x](y) ](z)",
  "\\`not escaped\\`",
];

describe("the pull request's comment", () => {
  const golden = (name: string, previews: readonly StackPreview[], options = OPTIONS): void => {
    const file = join(ROOT, "tests", "golden", `comment-${name}.md`);
    const actual = renderComment(previews, options);
    if (process.env.UPDATE_GOLDEN) {
      writeFileSync(file, actual);
      return;
    }
    assert.ok(existsSync(file), `${file} is missing; UPDATE_GOLDEN=1 writes it`);
    assert.equal(actual, readFileSync(file, "utf8"), `UPDATE_GOLDEN=1 writes ${file} anew`);
  };

  it("says stack by stack what would change, short first, with links to the differences", () => {
    golden("changes", [staging(), unchanged()]);
  });

  it("tells of a first release, of a stack without a preview, and of warnings", () => {
    const error =
      "error: The configuration of stack dev has a problem; nothing was changed:\n  - app is missing";
    const warnings = [
      { kind: "hold", text: "rolled back from 333333333333 to 111111111111 by eve@acme.com: wrong zones" },
      {
        kind: "behind",
        text: "3 commits of what is live are not in this commit; bring the branch up to date",
      },
      { kind: "drift", text: "the release 111111111111, which is live, is edited: edited pipeline/score" },
    ] as const;
    const commits = { list: [{ githash: NEXT, subject: "Score with the new zones" }], ahead: 1, behind: 3 };
    golden("warnings", [
      staging({ warnings: [...warnings], commits }),
      first(),
      { ...failedPreview("dev", error), live: { githash: LIVE, subject: "" } },
    ]);
  });

  it("says so where nothing changes", () => golden("nothing", [unchanged()], { key: "churn" }));

  it("shows repositories elsewhere without links", () => {
    const text = renderComment([staging({ page: "" })], {});
    assert.doesNotMatch(text, /https?:/);
    assert.match(text, /^- changed `pipeline\/score`$/m);
  });

  it("takes names that do their worst for names", () =>
    golden(
      "hostile",
      HOSTILE.map((text) => saying(text)),
    ));

  describe("as GitHub reads it", () => {
    let read: (markdown: string) => string;

    before(async () => {
      const { micromark }: typeof micromarkModule = await import("micromark");
      const { gfm, gfmHtml }: typeof gfmModule = await import("micromark-extension-gfm");
      read = (markdown) =>
        micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] });
    });

    /** The page without the texts of code and without addresses: what is left must not depend on any text of others. */
    const skeleton = (preview: StackPreview): string =>
      read(renderComment([preview, { ...failedPreview("dev", preview.live?.subject || "x") }], OPTIONS))
        .replace(/<code[^>]*>[^<]*<\/code>/g, "<code/>")
        .replace(/href="https:\/\/github\.com\/acme\/churn\/[\w/.%#-]*"/g, "href")
        .replace(/(<code\/>[, ]*)+/g, "<code/>");

    it("the same page whatever the names are", () => {
      const plain = skeleton(saying("x"));
      assert.match(plain, /<table>/);
      for (const text of HOSTILE) {
        assert.equal(skeleton(saying(text)), plain, JSON.stringify(text));
      }
      const pieces = fc.constantFrom(
        ...HOSTILE,
        "`",
        "|",
        "\n",
        "\\",
        "<",
        ">",
        "@a",
        "](",
        "*",
        "&#96;",
        " ",
        "é",
        "😀",
      );
      fc.assert(
        fc.property(fc.array(pieces, { minLength: 1, maxLength: 8 }), (parts) => {
          const text = `x${parts.join("")}x`;
          assert.equal(skeleton(saying(text)), plain);
        }),
        { numRuns: 60 },
      );
    });
  });

  it("is never longer than GitHub takes, says what was left out, and keeps every fold closed", () => {
    for (const [times, stacks] of [
      [400, 1],
      [2000, 2],
      [100, 30],
      [1, 400],
    ] as const) {
      const previews = Array.from({ length: stacks }, () => saying(`pipeline/${"long ".repeat(30)}`, times));
      const text = renderComment(previews, OPTIONS);
      assert.ok(text.length <= LIMIT, `${text.length} characters of ${stacks} stacks`);
      assert.ok(text.length > LIMIT / 3, `${text.length}: more would have fitted`);
      assert.match(text, /too long for a comment/);
      assert.equal(text.match(/<details/g)?.length, text.match(/<\/details>/g)?.length);
      assert.match(text, /<\/sub>\n$/);
    }
    const whole = renderComment([saying("pipeline/score", 20)], OPTIONS);
    assert.doesNotMatch(whole, /too long/);
  });

  it("is put into words for the terminal, with nothing that the terminal would obey", () => {
    const text = showPreviews([
      staging(),
      saying("\u001b[2J\u202eevil\nline"),
      failedPreview("dev", "no\u0007"),
    ]);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    assert.match(text, /^staging \(churn\/staging\): 2 commits$/m);
    assert.match(text, /^ {2}~ job churn-daily: schedule: 0 0 6 \* \* \? UTC → 0 0 5 \* \* \? UTC$/m);
    assert.match(text, /^ {2}test tests\/feature\/test_zones \(branch feature\/zones\)$/m);
  });
});
