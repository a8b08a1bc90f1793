// Every link between the pages below a folder, and from one to a file or a heading, has to lead somewhere.
//
//   node .ci/links.js [FOLDER]     the repository, or an unpacked package; links to other hosts are not followed
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative, resolve, sep } from "node:path"

const root = resolve(process.argv[2] ?? ".")
const skipped = new Set(["node_modules", ".git", "dist", ".cache", "generated"])

const pagesIn = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : pagesIn(path)
    return /\.md$|^llms.*\.txt$/.test(entry.name) ? [path] : []
  })

/** Without fenced blocks and code, which have no links. */
const proseOf = (text) => text.replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, (code) => "x".repeat(code.length))

/** The anchors that a forge makes of a page's headings. */
const anchorsOf = (page) => {
  const times = new Map()
  const text = readFileSync(page, "utf8").replace(/^```[^]*?^```$/gm, "")
  return new Set(
    [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => {
      const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
      const slug = words.replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")
      const n = times.get(slug) ?? 0
      times.set(slug, n + 1)
      return n === 0 ? slug : `${slug}-${n}`
    })
  )
}

let links = 0
let dead = 0
for (const page of pagesIn(root)) {
  const text = proseOf(readFileSync(page, "utf8"))
  const targets = [...text.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g), ...text.matchAll(/^\[[^\]]+\]: (\S+)$/gm)]
  for (const [, target] of targets) {
    if (/^[a-z]+:/.test(target)) continue
    links++
    const [path, anchor] = target.split("#")
    const file = path === "" ? page : join(dirname(page), path)
    const isInside = file === root || file.startsWith(root + sep)
    const isThere = isInside && existsSync(file)
    if (isThere && (anchor === undefined || statSync(file).isFile() && anchorsOf(file).has(anchor))) continue
    dead++
    console.log(`${relative(root, page)}: ${target}`)
  }
}
console.log(`${links} links, ${dead} of them dead`)
if (dead > 0 || links === 0) process.exitCode = 1
