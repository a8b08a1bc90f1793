/**
 * The types of the names in the blocks of TypeScript, which the pages show under the pointer. A thread finds them while
 * the pages are rendered. Each block has a file of its own, which is loaded when the pointer is over the block.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type { MarkdownRenderer } from "vitepress"
import { cache, root, site } from "./paths.ts"
import { codesOf } from "./running.ts"

/** The types of the names of one block. */
export interface Types {
  readonly texts: ReadonlyArray<string>
  /** Of each name the places in the block where it begins and ends, and the index of its text. */
  readonly places: ReadonlyArray<readonly [from: number, to: number, text: number]>
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex")

/** The id of a block, which is in the name of its file. */
const idOf = (code: string): string => hashOf(code).slice(0, 16)

/** By id. `sources`: a hash of all that types depend on, but the blocks. A build with the same finds the last one's. */
const findTypes = (codes: ReadonlyArray<string>, sources: string): Promise<ReadonlyMap<string, Types>> => {
  const stored = join(cache, "blockTypes.json")
  const key = hashOf(JSON.stringify([sources, codes]))
  if (existsSync(stored)) {
    const last = JSON.parse(readFileSync(stored, "utf8")) as {
      readonly key: string
      readonly all: Array<[string, Types]>
    }
    if (last.key === key) return Promise.resolve(new Map(last.all))
  }
  return new Promise((resolve, reject) => {
    const worker = new Worker(join(site, "build/typesWorker.js"), { workerData: { codes, root } })
    worker.once("error", reject)
    worker.once("message", (found: ReadonlyArray<readonly [code: string, types: Types]>) => {
      const all = found.map(([code, types]) => [idOf(code), types] as const)
      mkdirSync(cache, { recursive: true })
      writeFileSync(stored, JSON.stringify({ key, all }))
      resolve(new Map(all))
    })
  })
}

export interface BlockTypes {
  /** A rule that marks the blocks whose types are known. */
  readonly marks: (md: MarkdownRenderer) => void
  /** By the id of the block. */
  readonly all: Promise<ReadonlyMap<string, Types>>
}

export const blockTypes = (pages: ReadonlyArray<string>, sources: string): BlockTypes => {
  const known = new Set(pages.flatMap(codesOf))
  return {
    all: findTypes([...known], sources),
    marks: (md) => {
      const fence = md.renderer.rules.fence!
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        const html = fence(tokens, index, options, env, self)
        const { content, info } = tokens[index]!
        if (info.trim() !== "ts" || !known.has(content)) return html
        return html.replace("<pre ", `<pre data-types="${idOf(content)}" `)
      }
    }
  }
}

export const writeTypes = async (outDir: string, { all }: BlockTypes): Promise<void> => {
  const folder = join(outDir, "types")
  mkdirSync(folder, { recursive: true })
  for (const [id, types] of await all) writeFileSync(join(folder, `${id}.json`), JSON.stringify(types))
}
