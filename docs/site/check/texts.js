/** The files for readers that are no browsers. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { check } from "./checks.js"
import { dist, fileOf } from "./server.js"

export const texts = (pages) => {
  for (const page of pages) {
    const file = join(dist, `${page === "/" ? "/index" : page}.md`)
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    check("pages as Markdown", text.trim() !== "", file)
    if (page.startsWith("/api/")) {
      const [entries, versions] = [/^### /gm, /^Since \d+\.\d+\.\d+\.$/gm].map((line) => text.match(line)?.length)
      check("exports with their version", entries === versions, `${page}: ${versions} of ${entries}`)
    }
    check("pages as Markdown, with what they include", !text.includes("<!--@include"), file)
  }
  const index = readFileSync(join(dist, "llms.txt"), "utf8")
  for (const [, href] of index.matchAll(/\]\((\/[^)#]+)/g)) {
    check("links of llms.txt", fileOf(href) !== undefined, href)
  }
  const full = readFileSync(join(dist, "llms-full.txt"), "utf8")
  check(
    "llms-full.txt has all guides",
    ["# Group", "# Test your own concurrent code", "### withPermits"].every((heading) => full.includes(heading)),
    ""
  )
}
