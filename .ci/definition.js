// Go to definition, from a file that uses the installed package: it has to end in the package's sources.
//
//   node .ci/definition.js FILE     asks TypeScript's own server for each `Module.name(` of FILE
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { resolve, sep } from "node:path"

const file = resolve(process.argv[2])
const text = readFileSync(file, "utf8")
const modules = "AdaptiveLimit|Group|PoolConfig|Semaphore|ThreadPool|ThreadWorker|Watch|WorkerPool"
const calls = [...text.matchAll(new RegExp(`\\b(?:${modules})\\.(\\w+)\\(|\\b(scenario|check|explore)\\(`, "g"))]

const server = spawn(process.execPath, [createRequire(import.meta.url).resolve("typescript/lib/tsserver.js")], {
  stdio: ["pipe", "pipe", "inherit"]
})
const send = (command, args, seq) =>
  server.stdin.write(JSON.stringify({ seq, type: "request", command, arguments: args }) + "\n")

const isSource = (path) => path.includes(`${sep}node_modules${sep}sluice${sep}src${sep}`)

let missed = calls.length === 0 ? 1 : 0
let responses = 0
let buffered = ""
server.stdout.setEncoding("utf8").on("data", (data) => {
  buffered += data
  // Each message is one line, after its header.
  const lines = buffered.split("\n")
  buffered = lines.pop()
  for (const line of lines) {
    if (!line.startsWith("{")) continue
    const { body, request_seq: seq, type } = JSON.parse(line)
    if (type !== "response" || seq === 0) continue
    const found = body?.map((definition) => definition.file) ?? []
    if (found.length === 0 || !found.every(isSource)) {
      missed++
      console.log(`${calls[seq - 1][0]} ends in ${found.join(", ") || "nothing"}`)
    }
    if (++responses === calls.length) server.stdin.end()
  }
})
server.on("close", () => {
  console.log(`${responses} of ${calls.length} definitions asked for, ${missed} of them not in the sources`)
  if (missed > 0 || responses < calls.length) process.exitCode = 1
})

send("open", { file }, 0)
for (const [index, call] of calls.entries()) {
  const offset = call.index + call[0].length - 2
  const before = text.slice(0, offset).split("\n")
  send("definition", { file, line: before.length, offset: before.at(-1).length + 1 }, index + 1)
}
if (calls.length === 0) server.stdin.end()
