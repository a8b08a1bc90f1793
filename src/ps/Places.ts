/** Separates the lines of a program from those of sluice and Effect, which are installed, linked or bundled. */
import type { Locator } from "../source/Locator.js"
import { shorten } from "../source/shorten.js"
import type { Source } from "../source/Source.js"

const installed = /(?:^|[\\/])node_modules[\\/](?:effect|@effect|sluice)[\\/]/

export class Places {
  /** The folders of sluice and of Effect. */
  private readonly folders = new Set<string>()
  /** Files that have one of them in addition to the program. */
  private readonly bundles = new Set<string>()

  /** The functions are sluice's and Effect's: each shows where its package is. */
  constructor(private readonly locator: Locator, functions: ReadonlyArray<object>) {
    for (const one of functions) {
      const file = locator.locate(one)?.file
      if (file === undefined) continue
      const folder = /^(.*[\\/])?(?:src|dist)[\\/](?=internal[\\/])/.exec(file)?.[0]
      if (folder === undefined) this.bundles.add(file)
      else this.folders.add(folder)
    }
  }

  /** The line of a function or a generator of the program's. In a bundle, most functions on a fiber's stack are not. */
  readonly locate = (subject: object): Source | undefined => {
    const source = this.locator.locate(subject)
    if (source === undefined || !this.isProgram(source)) return undefined
    if (typeof subject === "function" && this.bundles.has(source.file)) return undefined
    return shorten(source)
  }

  isProgram({ file }: Source): boolean {
    return !installed.test(file) && ![...this.folders].some((folder) => file.startsWith(folder))
  }
}
