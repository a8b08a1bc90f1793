// Runs every Go program in README and docs/, where Go is installed, and compares what it prints with its "// =>".
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

if (spawnSync("go", ["version"]).error) {
  console.log("not run: Go is not installed here (Debian: golang-go and golang-golang-x-sync-dev)")
  process.exit(0)
}

const pages = [
  "README.md",
  ...readdirSync("docs").filter((name) => name.endsWith(".md")).map((name) => join("docs", name))
]
const folder = mkdtempSync(join(tmpdir(), "sluice-go-"))
let programs = 0
try {
  for (const page of pages) {
    for (const [, code] of readFileSync(page, "utf8").matchAll(/^```go\n(.*?)^```$/gms)) {
      const file = join(folder, "main.go")
      writeFileSync(file, code)
      const env = { ...process.env, GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOCACHE: join(folder, "cache") }
      const printed = execFileSync("go", ["run", file], { env, encoding: "utf8" })
      const promised = [...code.matchAll(/\/\/ => (.*)$/gm)].map(([, line]) => `${line}\n`).join("")
      if (printed !== promised) throw new Error(`${page}: promised ${promised}, printed ${printed}`)
      programs++
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
console.log(`${programs} Go programs print what they say`)
