/** Runs an HTTP example as a user does. Its test imports this module first, which checks that its package is there. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))

if (!existsSync(`${root}docs/examples/http/node_modules/@effect/platform-node`)) {
  throw new Error("the HTTP examples have a package of their own; install it: npm ci --prefix docs/examples/http")
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export const start = (name: string, ...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, ["--import", "tsx", `docs/examples/http/${name}.ts`, ...args], { cwd: root })
  let [stdout, stderr] = ["", ""]
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })))
  /** The address that the server logs once it listens. */
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", () => {
      const [url] = /http:\/\/[\d.:]+/.exec(stdout) ?? []
      if (url !== undefined) resolve(url)
    })
    void ended.then(() => reject(new Error(`it ended without an address: ${stdout}${stderr}`)))
  })
  // An example that is only run to its end may have no server at all.
  listening.catch(() => {})
  return { child, ended, listening }
}
