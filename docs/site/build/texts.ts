/** The site for readers that are no browsers: each page as Markdown, llms.txt and llms-full.txt. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { SiteConfig } from "vitepress"
import { withBlocks } from "./landing.ts"
import { cache, root } from "./paths.ts"
import { blocksOf } from "./running.ts"
import { onSite } from "./sources.ts"

/** The text of a page, with what it includes. */
const included = (srcDir: string, page: string): string =>
  withBlocks(readFileSync(join(srcDir, page), "utf8"))
    .replace(/^<!--@include: (\S+)-->$/gm, (_, path: string) => readFileSync(join(srcDir, dirname(page), path), "utf8"))

/** The text of a page for readers, with links to the Markdown of other pages. */
const textOf = (srcDir: string, page: string, name: string): string => {
  const text = included(srcDir, page)
    .replace(/^---\n[^]*?\n---\n+/, "")
    .replace(/^(`{3,}|~{3,})(\w+) no-run$/gm, "$1$2")
    .replace(/ \{#\w+\}$/gm, "")
  return text.split(/(^```[^]*?^```$)/m).map((part) => part.startsWith("```") ? part : withLinks(part, name)).join("")
}

const withLinks = (text: string, name: string): string =>
  text.replace(/(?<!!)(\[[^\]]*\]\()([^)\s]+)(\))/g, (_, open: string, href: string, close: string) => {
    const [path = "", anchor] = onSite(name, href).split("#")
    const isPage = path.startsWith("/") && path !== "/llms.txt"
    return open + (isPage ? `${path}.md` : path) + (anchor === undefined ? "" : `#${anchor}`) + close
  })

/** The blocks with and without Run, by page: the check compares them with the pages and with its list. */
export const writeBlocks = ({ pages, rewrites, srcDir }: SiteConfig): void => {
  const found = pages.map((page) => {
    const name = rewrites.map[page] ?? page
    return { name: name.replace(/\.md$/, ""), ...blocksOf(included(srcDir, page)) }
  })
  const blocks = {
    withRun: Object.fromEntries(found.flatMap(({ name, withRun }) => withRun > 0 ? [[name, withRun]] : [])),
    withoutRun: Object.fromEntries(
      found.flatMap(({ name, withoutRun }) => Object.keys(withoutRun).length > 0 ? [[name, withoutRun]] : [])
    )
  }
  writeFileSync(join(cache, "blocks.json"), JSON.stringify(blocks, undefined, 2) + "\n")
}

export const writeTexts = ({ outDir, pages, rewrites, srcDir }: SiteConfig): void => {
  const texts = pages.map((page) => {
    const name = rewrites.map[page] ?? page
    return { name, text: textOf(srcDir, page, name) }
  })
  for (const { name, text } of texts) {
    mkdirSync(dirname(join(outDir, name)), { recursive: true })
    writeFileSync(join(outDir, name), text)
  }
  writeFileSync(join(outDir, "llms.txt"), withLinks(readFileSync(join(root, "llms.txt"), "utf8"), "start.md"))
  const isGuide = (name: string) => !/^(?:source\/|index|explore|pool\.)/.test(name)
  const all = texts.filter(({ name }) => isGuide(name)).map(({ name, text }) => `<!-- /${name} -->\n\n${text}`)
  writeFileSync(join(outDir, "llms-full.txt"), all.join("\n\n"))
}
