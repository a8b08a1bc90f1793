// A linter of prose: words and sentence starts that make a line hard to read on its own, and lines over 120 columns.
//
//   node .ci/prose.js [FILE...]     findings in files with more of them than .ci/prose.json allows; exits 1 if there are any
//   node .ci/prose.js --all [FILE...]     every finding
//   node .ci/prose.js --update     lowers the allowance of each file to the number of its findings, and never raises one
//
// A file without an entry in .ci/prose.json is allowed no finding.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const columns = 120
const allowances = ".ci/prose.json"

/** Anywhere in a sentence. */
const words = [
  { find: /\bfor ever\b/gi, better: "\"without end\", \"never ends\", \"forever\"" },
  { find: /\btold\b/gi, better: "\"receives\", \"is called with\", \"is notified\"; \"counted\" for \"all told\"" },
  { find: /\banswers\b/gi, better: "\"returns\"" },
  { find: /\bbeside\b/gi, better: "\"in addition to\", \"next to\", \"compared with\"" },
  { find: /\bhas it\b/gi, better: "name the thing: \"as often as the schedule says\"" },
  { find: /\bas (?:many|much|long|often) as (?:it|he|they|there) may\b/gi, better: "name the limit: \"(capacity 2)\"" }
]

/** At the beginning of a sentence that is no question. */
const starts = ["What", "Who", "Whoever", "That of", "Those", "The one", "It is"]
const betterStart = "name the thing: subject, verb, object"

/**
 * Paragraphs: `{ text, lines, isTitle }`, where `lines[i]` is the number of the line that the character at `i` is in.
 * Code and pictures, fenced or indented, are no prose, and code in backticks is one word.
 */
const paragraph = (parts, isTitle = false) => {
  let text = ""
  const lines = []
  for (const { line, part } of parts) {
    const shown = `${text === "" ? "" : " "}${part}`
    text += shown
    for (let i = 0; i < shown.length; i++) lines.push(line)
  }
  const masked = text.replace(/`[^`]*`/g, (code) => "x".repeat(code.length))
  return { text: masked, lines, isTitle }
}

/** Of lines `{ line, part }`: an empty one, a list item, a heading and a table's row each begin another paragraph. */
const paragraphsOf = (parts) => {
  const paragraphs = []
  let current = []
  let isFenced = false
  const end = () => {
    if (current.length > 0) paragraphs.push(paragraph(current))
    current = []
  }
  for (const { line, part } of parts) {
    const isFence = part.trimStart().startsWith("```")
    if (isFence) isFenced = !isFenced
    if (isFence || isFenced || part.startsWith("    ") || part.trim() === "") {
      end()
      continue
    }
    if (/^\s*(?:[-*]|\d+\.) |^#|^\|/.test(part)) end()
    current.push({ line, part: part.trim() })
    if (/^#|^\|/.test(part)) end()
  }
  end()
  return paragraphs
}

/** The comments that have lines of their own, as lines without their marks. Other ones are not this project's style. */
const commentsOf = (text) => {
  const parts = []
  let isBlock = false
  for (const [index, line] of text.split("\n").entries()) {
    const begins = !isBlock && /^\s*\/\*/.test(line)
    const isLine = !isBlock && /^\s*\/\//.test(line)
    if (begins) isBlock = true
    if (isBlock || isLine) {
      const part = line.replace(/^\s*(?:\/\*\*?|\*(?!\/)|\/\/) ?/, "").replace(/\s*\*\/\s*$/, "")
      // A comment is not continued by the next one.
      if (begins) parts.push({ line: index + 1, part: "" })
      parts.push({ line: index + 1, part })
    } else {
      parts.push({ line: index + 1, part: "" })
    }
    if (isBlock && line.includes("*/")) isBlock = false
  }
  return parts
}

const lineAt = (text, index) => text.slice(0, index).split("\n").length

/** The titles of tests and of their groups. */
const titlesOf = (text) =>
  [...text.matchAll(/(?:\b(?:test|describe)(?:\.\w+)*|\))\(\s*(["`])((?:\\.|(?!\1)[^\\])*)\1\s*,/g)].map((match) =>
    paragraph([{ line: lineAt(text, match.index + match[0].indexOf(match[1])), part: match[2] }], true)
  )

/** The strings of more than a word: messages. */
const messagesOf = (text) =>
  text.split("\n").flatMap((line, index) =>
    /^\s*(?:\*|\/)/.test(line) ? [] : [...line.matchAll(/(["`])((?:\\.|(?!\1)[^\\])* (?:\\.|(?!\1)[^\\])*)\1/g)].map((
      [, , part]
    ) => paragraph([{ line: index + 1, part }]))
  )

/** The text of a component's template. A tag outside of a sentence ends the paragraph; an expression is one word. */
const templateOf = (text) => {
  const begin = text.indexOf("<template>")
  const spaces = (part) => part.replace(/[^\n]/g, " ")
  const shown = spaces(text.slice(0, begin)) + text.slice(begin, text.lastIndexOf("</template>"))
    .replace(/\{\{[^]*?\}\}/g, (expression) => expression.replace(/[^\n]/g, "x"))
    .replace(
      /<\/?([a-z]\w*)(?:"[^"]*"|[^">])*>/gi,
      (tag, name) => /^(?:a|code|em|span|strong)$/.test(name) ? spaces(tag) : `\0${spaces(tag)}`
    )
  return shown.split("\n").flatMap((line, index) =>
    line.split("\0").flatMap((part, i) => {
      const own = { line: index + 1, part: part.trim() }
      if (i > 0) return [{ line: index + 1, part: "" }, own]
      return own.part === "" ? [] : [own]
    })
  )
}

const isComponent = (file) => file.endsWith(".vue")
const isOfSite = (file) => file.startsWith("docs/site/") && /\.(?:js|ts|vue)$/.test(file)
const isSource = (file) => file.startsWith("src/") && file.endsWith(".ts") || isOfSite(file)
const isTest = (file) => file.endsWith(".test.ts")
const isPage = (file) => file.endsWith(".md")

const proseOf = (file, text) => {
  if (isPage(file)) return paragraphsOf(text.split("\n").map((part, index) => ({ line: index + 1, part })))
  if (isTest(file)) return titlesOf(text)
  if (!isSource(file)) return []
  return [
    ...paragraphsOf(commentsOf(text)),
    ...isComponent(file) ? paragraphsOf(templateOf(text)) : [],
    ...file.endsWith("errors.ts") ? messagesOf(text) : []
  ]
}

const startPattern = new RegExp(`^(?:${starts.join("|")})\\b`)

const inWords = ({ isTitle, lines, text }) => {
  const found = []
  for (const { better, find } of words) {
    for (const match of text.matchAll(find)) found.push({ line: lines[match.index], word: match[0], better })
  }
  // A heading is no sentence.
  if (text.startsWith("#")) return found
  for (const match of text.matchAll(/(?:^|[.!?]\**\)? |\| )(?:[-*] |\d+\. )?\**(?=\w)/g)) {
    const begin = match.index + match[0].length
    const sentence = text.slice(begin)
    const shown = isTitle ? sentence.charAt(0).toUpperCase() + sentence.slice(1) : sentence
    const [word] = startPattern.exec(shown) ?? []
    const isQuestion = /^[^.!?|]*\?/.test(sentence)
    if (word !== undefined && !isQuestion) found.push({ line: lines[begin], word: `${word} ...`, better: betterStart })
  }
  return found
}

/**
 * Lines that are too long, and could be broken: comments, every line of the site's components, which no formatter
 * reads, and Markdown other than tables, code, and the parts between `<!-- name -->` and `<!-- end -->`, which a
 * program writes.
 */
const tooLong = (file, text) => {
  let isFenced = false
  let isWritten = false
  return text.split("\n").flatMap((line, index) => {
    if (line.startsWith("```")) isFenced = !isFenced
    if (/^<!-- .* -->$/.test(line)) isWritten = line !== "<!-- end -->"
    if (
      line.length <= columns || isWritten ||
      (isPage(file) ? isFenced || /^\||^ {4}/.test(line) : !isComponent(file) && !/^\s*(?:\/\/|\/?\*)/.test(line))
    ) {
      return []
    }
    return /\s\S/.test(line.slice(20, columns)) && !/^\W*\S+$/.test(line)
      ? [{ line: index + 1, word: `${line.length} columns`, better: `break the line at ${columns}` }]
      : []
  })
}

const findingsOf = (file) => {
  const text = readFileSync(file, "utf8")
  return [...proseOf(file, text).flatMap(inWords), ...tooLong(file, text)].sort((one, other) => one.line - other.line)
}

const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !/(?:^|\/)(?:node_modules|dist|generated|\.cache|\.vitepress\/cache)\//.test(name))
      .map((name) => join(folder, name))
      .sort()
    : []

const options = process.argv.slice(2).filter((arg) => arg.startsWith("--"))
// An update is of all files: one that is not read would lose its entry.
const named = options.includes("--update") ? [] : process.argv.slice(2).filter((arg) => !arg.startsWith("--"))
const files = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "AGENTS.md"].filter((file) => existsSync(file)),
  ...filesIn("docs").filter((file) => isPage(file) || isOfSite(file)),
  ...filesIn("src").filter((file) => isSource(file)),
  ...filesIn("test").filter((file) => file.endsWith(".ts"))
].filter((file) => named.length === 0 || named.includes(file))

let allowed = existsSync(allowances) ? JSON.parse(readFileSync(allowances, "utf8")) : {}
const findings = new Map(files.map((file) => [file, findingsOf(file)]))
const count = (numbers) => numbers.reduce((sum, number) => sum + number, 0)

const print = (file) => {
  for (const { better, line, word } of findings.get(file)) console.log(`${file}:${line}: ${word}: ${better}`)
}

if (options.includes("--all")) {
  for (const file of files) print(file)
} else if (options.includes("--update")) {
  const lowered = Object.entries(allowed)
    .map(([file, most]) => [file, Math.min(most, findings.get(file)?.length ?? 0)])
    .filter(([, most]) => most > 0)
  allowed = Object.fromEntries(lowered)
  writeFileSync(allowances, `${JSON.stringify(allowed, undefined, 2)}\n`)
} else {
  const over = files.filter((file) => findings.get(file).length > (allowed[file] ?? 0))
  for (const file of over) {
    print(file)
    console.log(`${file}: ${findings.get(file).length} findings, ${allowed[file] ?? 0} allowed\n`)
  }
  const below = files.filter((file) => findings.get(file).length < (allowed[file] ?? 0))
  if (below.length > 0) {
    console.log(`fewer than allowed in ${below.length} files: node .ci/prose.js --update keeps it so`)
  }
  process.exitCode = over.length > 0 ? 1 : 0
}
console.log(
  `${count([...findings.values()].map(({ length }) => length))} findings, ${count(Object.values(allowed))} allowed`
)
