/** The files of the repository that pages link to, each of which becomes a page: the examples, and a few others. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, posix } from "node:path"
import { docs, generated, root } from "./paths.ts"

/** A file or a folder that is shown as a page of its own. */
export interface Shown {
  /** From the root of the repository. */
  readonly path: string
  /** The names in a folder. `undefined` for a file. */
  readonly names: ReadonlyArray<string> | undefined
}

const pages: ReadonlyArray<string> = [
  "README.md",
  "CONTRIBUTING.md",
  "AGENTS.md",
  ...readdirSync(docs).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
]

/** The texts of these pages and of the reference. */
export const textsOfPages = (): ReadonlyArray<string> => {
  const api = join(generated, "api")
  const files = [...pages.map((page) => join(root, page)), ...readdirSync(api).map((name) => join(api, name))]
  return files.map((file) => readFileSync(file, "utf8"))
}

/** A link of a page, as a path from the root of the repository. `undefined` for a link to elsewhere. */
const targetOf = (page: string, href: string): string | undefined => {
  const [path = ""] = href.split("#")
  if (path === "" || /^[a-z]+:/.test(path) || path.startsWith("/")) return undefined
  const target = posix.join(posix.dirname(page), path).replace(/\/$/, "")
  return target.startsWith("..") ? undefined : target
}

const isHidden = (name: string) => name === "node_modules" || name.startsWith(".") || name === "package-lock.json"

const namesIn = (folder: string) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !isHidden(name))
    .map((entry) => entry.isDirectory() ? `${entry.name}/` : entry.name)
    .sort()

/** Every file and folder to show. A folder shows all that is in it. */
export const shown = (): ReadonlyArray<Shown> => {
  const found = new Map<string, Shown>()
  const add = (path: string): void => {
    if (found.has(path) || path.endsWith(".md") || path.endsWith("llms.txt") || !existsSync(join(root, path))) return
    const isFolder = statSync(join(root, path)).isDirectory()
    const names = isFolder ? namesIn(path) : undefined
    found.set(path, { path, names })
    for (const name of names ?? []) add(`${path}/${name.replace(/\/$/, "")}`)
  }
  for (const page of pages) {
    const text = readFileSync(join(root, page), "utf8").replace(/^```[^]*?^```$/gm, "")
    for (const [, href = ""] of text.matchAll(/(?<!!)\[[^\]]*\]\(([^)\s]+)\)/g)) {
      const target = targetOf(page, href)
      if (target !== undefined) add(target)
    }
  }
  return [...found.values()]
}

const languages: Readonly<Record<string, string>> = { ts: "ts", json: "json", js: "js", go: "go" }

/** An address may not end as a file of another kind does. */
const addressOfSource = (path: string) => `/source/${path.replaceAll(".", "-")}`

/** The page of a file or a folder, in Markdown. */
export const pageOf = ({ names, path }: Shown): string => {
  const front = "---\nsearch: false\n---\n"
  if (names === undefined) {
    const text = readFileSync(join(root, path), "utf8").trimEnd()
    // Colours for a long file of data would take longer than all else.
    const language = text.length < 50_000 ? languages[path.split(".").at(-1) ?? ""] ?? "txt" : "txt"
    // A file of the repository imports others, so it has no Run.
    const parts = [front, `# ${path.split("/").at(-1)}\n`, `\`${path}\` in the repository.\n`]
    return [...parts, `~~~~${language} no-run`, text, "~~~~", ""].join("\n")
  }
  const items = names.map((name) => {
    const child = `${path}/${name.replace(/\/$/, "")}`
    return name.endsWith(".md") ? `- \`${name}\`` : `- [\`${name}\`](${addressOfSource(child)})`
  })
  return [front, `# ${path}\n`, "A folder of the repository.\n", ...items, ""].join("\n")
}

/** The name of a page's file among the generated ones. */
export const fileOf = ({ path }: Shown): string => `${addressOfSource(path).slice(1)}.md`

/** The pages of the repository outside of `docs` that the site shows, by the names of its own pages. */
const included: Readonly<Record<string, string>> = {
  "start.md": "README.md",
  "contributing.md": "CONTRIBUTING.md",
  "agents.md": "AGENTS.md",
  "changelog.md": "CHANGELOG.md"
}

/** The file of the repository that a page of the site is written in. */
const originOf = (page: string): string => {
  const own = `docs/site/${page}`
  return included[page] ?? (existsSync(join(root, own)) ? own : `docs/${page}`)
}

/** Where a path of the repository is on the site. `undefined`: nowhere. */
const addressOf = (path: string): string | undefined => {
  const [page] = Object.entries(included).find(([, origin]) => origin === path) ?? []
  if (page !== undefined) return `/${page.replace(".md", "")}`
  if (path === "llms.txt") return "/llms.txt"
  const guide = /^docs\/([\w-]+)\.md$/.exec(path)
  if (guide !== null) return `/${guide[1]}`
  return path.endsWith(".md") ? undefined : addressOfSource(path)
}

/** The link of a page on the site. A link to elsewhere stays as it is. */
export const onSite = (relativePath: string, href: string): string => {
  const target = targetOf(originOf(relativePath), href)
  if (target === undefined) return href
  const [, anchor] = href.split("#")
  const address = addressOf(target)
  return address === undefined ? href : address + (anchor === undefined ? "" : `#${anchor}`)
}
