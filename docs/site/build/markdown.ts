/** The rules by which the guides, as a code host shows them, become pages of the site. */
import type { MarkdownRenderer } from "vitepress"
import { obstacleOf } from "./running.ts"
import { onSite } from "./sources.ts"

/** The anchor of a heading as a code host makes it, so that a link works in both places. */
export const slug = (heading: string): string =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")

/** Links to files of the repository lead to their pages. */
export const links = (md: MarkdownRenderer): void => {
  md.core.ruler.push("links", ({ env, tokens }) => {
    const { relativePath } = env as { readonly relativePath: string }
    for (const { children } of tokens) {
      for (const token of children ?? []) {
        const href = token.attrGet("href")
        if (token.type === "link_open" && href !== null) token.attrSet("href", onSite(relativePath, href))
      }
    }
  })
}

const highlighted = new Map<string, string>()

/** Highlights each block once: a build renders each page for itself, and again for the search. */
export const highlightOnce = ({ options }: MarkdownRenderer): void => {
  const { highlight } = options
  if (typeof highlight !== "function") throw new Error("no highlighter")
  options.highlight = (...block) => {
    const key = JSON.stringify(block)
    const html = highlighted.get(key) ?? highlight(...block)
    highlighted.set(key, html)
    return html
  }
}

/** Indented code scrolls by the keyboard, too, as the theme's own blocks do. */
export const scrolls = (md: MarkdownRenderer): void => {
  const indented = md.renderer.rules.code_block!
  md.renderer.rules.code_block = (tokens, index, options, env, self) =>
    indented(tokens, index, options, env, self).replace("<pre", "<pre tabindex=\"0\"")
}

/** Blocks of TypeScript that can run in a browser have Run and Edit. */
export const runs = (md: MarkdownRenderer): void => {
  const fence = md.renderer.rules.fence!
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const html = fence(tokens, index, options, env, self)
    const { content, info } = tokens[index]!
    if (info.trim() !== "ts" || obstacleOf(content) !== undefined) return html
    const explores = /\bscenario\(/.test(content) && !/\bfc\./.test(content) ? " explores" : ""
    return `<Runnable${explores}>${html}</Runnable>`
  }
}
