/** Writes the pages that are made from the sources, and leaves those as they are that have not changed. */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { apiPages } from "./api.ts"
import { cache, generated, root, site } from "./paths.ts"
import { fileOf, pageOf, shown } from "./sources.ts"

const write = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text)
}

/** Of the sources and of this generator: what is made of them is made again only when this differs. */
const hashOfSources = (): string => {
  const hash = createHash("sha256")
  const names = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .sort()
      .map((name) => join(folder, name))
  for (const file of [...names(join(root, "src")), ...names(join(site, "build"))]) {
    hash.update(file).update(readFileSync(file))
  }
  return hash.digest("hex")
}

/** Returns the hash of the sources. */
export const generate = (): string => {
  const stamp = join(cache, "api.sha256")
  const hash = hashOfSources()
  const api = join(generated, "api")
  if (!existsSync(api) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== hash) {
    rmSync(api, { recursive: true, force: true })
    for (const [name, text] of apiPages()) write(join(api, `${name}.md`), text)
    write(stamp, hash)
  }
  rmSync(join(generated, "source"), { recursive: true, force: true })
  for (const file of shown()) write(join(generated, fileOf(file)), pageOf(file))
  return hash
}
