/** The linter of prose, `.ci/prose.js`, over small projects. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"

const linter = path.resolve(import.meta.dirname, "../.ci/prose.js")
let folder = ""

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "sluice-prose-"))
})

afterEach(() => rmSync(folder, { recursive: true }))

const write = (file: string, text: string) => {
  mkdirSync(path.join(folder, path.dirname(file)), { recursive: true })
  writeFileSync(path.join(folder, file), text)
}

const allow = (allowances: Readonly<Record<string, number>>) =>
  write(".ci/prose.json", JSON.stringify(allowances, undefined, 2) + "\n")

const lint = (...args: ReadonlyArray<string>) => {
  const { status, stdout } = spawnSync(process.execPath, [linter, ...args], { cwd: folder, encoding: "utf8" })
  return { status, lines: stdout.split("\n") }
}

/** The findings as `file:line: word`. */
const found = (file: string, text: string): ReadonlyArray<string> => {
  write(file, text)
  return lint("--all").lines.filter((line) => line.startsWith(`${file}:`)).map((line) =>
    line.split(": ").slice(0, 2).join(": ")
  )
}

describe("finds in a page", () => {
  test("a word of the list, with the line that it is in", () => {
    expect(found("docs/a.md", "It waits\nfor\never, and is told so.\n")).toEqual([
      "docs/a.md:2: for ever",
      "docs/a.md:3: told"
    ])
  })

  test.each(["What waits", "Who waits", "Whoever waits", "That of a job", "Those that wait", "The one", "It is late"])(
    "a sentence that begins with %s",
    (start) => {
      expect(found("docs/a.md", `A line.\nThen another. ${start} has no name.\n\n- **${start}** here\n`)).toHaveLength(
        2
      )
    }
  )

  test("neither a question, nor a heading, nor what is in the middle of a sentence", () => {
    expect(found("README.md", "## What it does\n\nWhat does it do? Not what it was, nor those, and it is late.\n"))
      .toEqual([])
  })

  test("no code", () => {
    expect(found("README.md", "Call `told` and `What`.\n\n```ts\n// What is told for ever.\n```\n")).toEqual([])
  })

  test("a line over 120 columns that can be broken, outside of what a program writes", () => {
    const long = "word ".repeat(25)
    expect(found("docs/a.md", `<!-- figures -->\n${long}\n<!-- end -->\n${long}\n`)).toEqual([
      "docs/a.md:4: 125 columns"
    ])
  })

  test("a line over 120 columns that can be broken, outside of tables and code", () => {
    const long = "word ".repeat(25)
    const link = `- <https://example.com/${"a".repeat(120)}>`
    expect(found("README.md", `${long}\n\n| ${long} |\n\n${link}\n\n    ${long}\n\n\`\`\`\n${long}\n\`\`\`\n`)).toEqual(
      [
        "README.md:1: 125 columns"
      ]
    )
  })
})

describe("finds in the sources", () => {
  test("words and starts in comments, and no code", () => {
    const text = "/** What is told. */\nconst told = \"told\"\n\n// It\n// answers.\n/*\n * Beside.\n */\n"
    expect(found("src/a.ts", text)).toEqual([
      "src/a.ts:1: told",
      "src/a.ts:1: What ...",
      "src/a.ts:5: answers",
      "src/a.ts:7: Beside"
    ])
  })

  test("words in the messages of errors.ts", () => {
    const text = "const a = \"told\"\nconst b = `${n} jobs, as many as it may`\n"
    expect(found("src/internal/errors.ts", text)).toEqual(["src/internal/errors.ts:2: as many as it may"])
  })

  test.each(["js", "ts"])("words and starts in comments of the site's .%s files", (ending) => {
    expect(found(`docs/site/check/a.${ending}`, "// What is told.\nconst told = 1\n")).toEqual([
      `docs/site/check/a.${ending}:1: told`,
      `docs/site/check/a.${ending}:1: What ...`
    ])
  })

  test("words, starts and long lines in the site's components, and no expression", () => {
    const text = [
      "<script setup>",
      "// What is told.",
      "const told = 1",
      "</script>",
      "<template>",
      "  <p title=\"told\">Nobody <em>is</em>",
      "    told. {{ told > 1 ? \"What is it.\" : \"\" }}</p><p>Those here.</p>",
      `  <p ${"a=\"b\" ".repeat(25)}></p>`,
      "</template>",
      ""
    ].join("\n")
    expect(found("docs/site/client/A.vue", text)).toEqual([
      "docs/site/client/A.vue:2: told",
      "docs/site/client/A.vue:2: What ...",
      "docs/site/client/A.vue:7: told",
      "docs/site/client/A.vue:7: Those ...",
      "docs/site/client/A.vue:8: 160 columns"
    ])
  })

  test("nothing in packages of the site, and nothing that its build has written", () => {
    for (const folder of ["node_modules/a", ".cache", ".vitepress/cache", ".vitepress/dist", "generated"]) {
      expect(found(`docs/site/${folder}/a.ts`, "// What is told.\n"), folder).toEqual([])
    }
  })
})

test("finds words and starts in the titles of tests, also of those with a table", () => {
  const text = [
    "describe(\"what waits\", () => {",
    "  test(\"a job is told\", () => {})",
    "  test.each([1])(",
    "    \"whoever waits\",",
    "    (told) => {}",
    "  )",
    "  test(\"waits for what comes\", () => expect(\"told this\").toBe(1))",
    "})",
    ""
  ].join("\n")
  expect(found("test/a.test.ts", text)).toEqual([
    "test/a.test.ts:1: What ...",
    "test/a.test.ts:2: told",
    "test/a.test.ts:4: Whoever ..."
  ])
})

test("fails on a file without an entry that has a finding, and says what is better", () => {
  write("README.md", "A job is told.\n")
  const { lines, status } = lint()
  expect(status).toBe(1)
  expect(lines[0]).toContain("README.md:1: told: \"receives\"")
  expect(lines[1]).toBe("README.md: 1 findings, 0 allowed")
})

test("passes a file that has no more findings than its entry allows, and fails it with one more", () => {
  write("README.md", "A job is told.\n")
  allow({ "README.md": 1 })
  expect(lint().status).toBe(0)
  write("README.md", "A job is told, and told again.\n")
  expect(lint().status).toBe(1)
  expect(lint("docs/a.md").status).toBe(0)
})

test("--update lowers entries, removes those that are not needed, and raises and adds none", () => {
  write("README.md", "A job is told, and told again.\n")
  write("docs/a.md", "A job is told.\n")
  write("docs/b.md", "A job is told.\n")
  allow({ "README.md": 1, "docs/a.md": 3, "docs/c.md": 2 })
  expect(lint().lines).toContain("fewer than allowed in 1 files: node .ci/prose.js --update keeps it so")
  lint("--update")
  expect(JSON.parse(readFileSync(path.join(folder, ".ci/prose.json"), "utf8"))).toEqual({
    "README.md": 1,
    "docs/a.md": 1
  })
})
