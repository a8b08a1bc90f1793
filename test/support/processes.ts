/** Processes of a test: each runs a worker file, has an order in its environment, and prints a JSON value per line. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { compile } from "./threads.js"

const folder = path.resolve(import.meta.dirname, "../../node_modules/.cache/sluice-processes")

/** The environment variable of an order. */
const variable = "SLUICE_ORDER"

/** In a process: its order. Undefined in another one, which imports the file of the worker for its types. */
export const ownOrder: unknown = JSON.parse(process.env[variable] ?? "null") ?? undefined

/** In a process: prints a value for the test. */
export const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

/** A process, and all that it has said. */
export class Process<Said> {
  readonly said: Array<Said> = []
  private readonly ended: Promise<void>
  private errors = ""
  private listeners: Array<() => void> = []

  constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      // Other lines are of a logger.
      if (line.startsWith("{")) this.said.push(JSON.parse(line) as Said)
      else this.errors += `${line}\n`
      this.notify()
    })
    child.stderr!.on("data", (data) => (this.errors += String(data)))
    this.ended = once(child, "close").then(() => this.notify())
  }

  get pid(): number {
    return this.child.pid!
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  private notify(): void {
    for (const listener of this.listeners.splice(0)) listener()
  }

  /** The first value of this kind. Rejects when the process ends without one. */
  says<S extends Said>(isIt: (said: Said) => said is S): Promise<S> {
    return this.until(() => this.said.find(isIt))
  }

  /** Resolves when the process has said so many values. Rejects when it ends before. */
  async hasSaid(count: number): Promise<void> {
    await this.until(() => this.said.length >= count || undefined)
  }

  private async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (this.isOver) throw new Error(`process ${this.pid} has ended early: ${this.errors}`)
      await new Promise<void>((resolve) => this.listeners.push(resolve))
    }
  }

  freeze(): void {
    this.child.kill("SIGSTOP")
  }

  thaw(): void {
    this.child.kill("SIGCONT")
  }

  /** Resolves when the process has ended. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.child.kill(signal)
    await this.ended
  }
}

/** Starts processes that run one file, and ends all of them. */
export class Processes<Order, Said> {
  private readonly all = new Set<Process<Said>>()
  private readonly file: string

  /** `source`: the file of the worker, in TypeScript. */
  constructor(source: string) {
    this.file = path.join(folder, `${path.basename(source, ".ts")}-${process.pid}.mjs`)
    mkdirSync(folder, { recursive: true })
    compile(source, this.file)
  }

  start(order: Order): Process<Said> {
    const env = { ...process.env, [variable]: JSON.stringify(order) }
    const one = new Process<Said>(spawn(process.execPath, [this.file], { env, stdio: ["ignore", "pipe", "pipe"] }))
    this.all.add(one)
    return one
  }

  /** Resolves when all that run still have ended. */
  async endAll(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const all = [...this.all]
    this.all.clear()
    await Promise.all(all.map((one) => one.end(signal)))
  }

  killAll(): Promise<void> {
    return this.endAll("SIGKILL")
  }
}
