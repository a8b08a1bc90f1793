/** The sidebar of the guides: the lists of llms.txt, in their order. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { moduleNames } from "./modules.ts"
import { root, site } from "./paths.ts"
import { onSite } from "./sources.ts"

interface Item {
  readonly text: string
  readonly link?: string
  readonly items?: Array<Item>
  readonly collapsed?: boolean
}

/** The sections of llms.txt: `## Guides` and its `- [Group](docs/group.md): ...`. */
const sections = (): Array<Item> => {
  const text = readFileSync(join(root, "llms.txt"), "utf8")
  return text.split(/^## /m).slice(1).map((section) => {
    const [title = ""] = section.split("\n")
    const items = [...section.matchAll(/^- \[([^\]]+)\]\(([^)]+)\)/gm)].flatMap(([, text = "", path = ""]) =>
      existsSync(join(root, path)) ? [{ text, link: onSite("start.md", path) }] : []
    )
    // Agents look for their page by its name.
    const sorted = [
      ...items.filter(({ text }) => text !== "AGENTS.md"),
      ...items.filter(({ text }) => text === "AGENTS.md")
    ]
    return { text: title === "Optional" ? "Proof and background" : title, items: sorted }
  })
}

/** A page of the site has a name that its reader looks for. */
const renamed: Readonly<Record<string, string>> = { "README.md": "First examples", "AGENTS.md": "For coding agents" }

/** A page of this folder, by its heading. */
const headed = (page: string): Item => {
  const [, text] = /^# (.+)$/m.exec(readFileSync(join(site, `${page}.md`), "utf8")) ?? []
  if (text === undefined) throw new Error(`${page}.md has no heading`)
  return { text, link: `/${page}` }
}

export const sidebar = (): Array<Item> => [
  { text: "Pages that run", items: ["explore", "pool"].map(headed) },
  ...sections().map((section) => ({
    ...section,
    items: section.items?.map((item) => ({ ...item, text: renamed[item.text] ?? item.text })) ?? []
  })),
  {
    text: "Reference",
    items: moduleNames.map((name) => ({ text: name, link: `/api/${name}` }))
  },
  {
    text: "Project",
    items: [{ text: "Changes", link: "/changelog" }, { text: "Contributing", link: "/contributing" }]
  }
]
