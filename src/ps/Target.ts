/** Another process, as the operating system sees it: its executable, its ports, its signals. */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import * as path from "node:path"
import { CannotLook } from "./errors.js"

/** Where a process listens. */
export interface Address {
  /** As a client names it. */
  readonly host: string
  readonly port: number
}

export interface Target {
  readonly pid: number
  /** The number that the process itself knows, within a container. */
  readonly ownPid: number
  /** Its TCP ports. Undefined where the system does not say. */
  readonly listening: () => ReadonlyArray<Address> | undefined
  /** Where its inspector listens, or would, by its command line and environment, as far as these can be seen. */
  readonly inspectorPort: number
  /** Names the process that listens on a port. Undefined: none does, or the target itself. */
  readonly ownerOf: (port: number) => string | undefined
  /** Has Node open its inspector. Fails where the signal would end the process, or would not arrive. */
  readonly wake: () => void
  /** Completes "its main thread", for a process that does not react. */
  readonly occupation: () => string
}

export const findTarget = (pid: number): Target => {
  checkAlive(pid)
  if (process.platform === "linux") return new Linux(pid)
  if (process.platform === "win32") return new Windows(pid)
  return new Bsd(pid)
}

const checkAlive = (pid: number): void => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "EPERM") {
      throw new CannotLook(`process ${pid} belongs to another user: run sluice as that user, or as root`)
    }
    throw new CannotLook(`process ${pid} does not exist`)
  }
}

const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

/** `node`, `nodejs`, `node-22`, `node.exe`. */
const isNodeName = (executable: string): boolean => /^node(?:js)?(?:[-.]?\d[\d.]*)?(?:\.exe)?$/i.test(executable)

const defaultPort = 9229

/** The last option wins, and an option of the command line over one of the environment. 0: any port. */
export const inspectorPortOf = (nodeOptions: string, args: ReadonlyArray<string>): number => {
  const script = args.findIndex((arg, i) => i > 0 && !arg.startsWith("-"))
  // The first argument that is no option may be the value of the option before.
  const words = [...nodeOptions.split(/\s+/), "", ...(script === -1 ? args : args.slice(0, script + 1))]
  let port = defaultPort
  for (const [i, word] of words.entries()) {
    const [, name, value] = /^--(inspect(?:-brk|-wait|-port)?|debug-port)(?:=(.*))?$/.exec(word) ?? []
    if (name === undefined) continue
    const text = value ?? (name.endsWith("port") ? words[i + 1] : undefined)
    const digits = /(?:^|:)(\d+)$/.exec(text ?? "")?.[1]
    if (digits !== undefined) port = Number(digits)
  }
  return port
}

abstract class Named {
  readonly ownPid: number

  constructor(readonly pid: number) {
    this.ownPid = pid
  }

  protected checkNode(executable: string): void {
    const name = path.basename(executable)
    if (isNodeName(name)) return
    throw new CannotLook(
      `process ${this.pid} is not Node.js but ${name}. It was not signalled: SIGUSR1 could end it. ` +
        "If Node.js is in it and its inspector is open, pass --port"
    )
  }

  occupation(): string {
    return "is in native code, or waits in a system call"
  }
}

class Linux extends Named implements Target {
  override readonly ownPid: number

  constructor(pid: number) {
    super(pid)
    this.ownPid = Number(this.status("NSpid").split(/\s+/).at(-1) ?? pid)
  }

  private read(file: string): string {
    return attempt(() => readFileSync(`/proc/${this.pid}/${file}`, "utf8")) ?? ""
  }

  private link(name: string): string | undefined {
    return attempt(() => readlinkSync(`/proc/${this.pid}/${name}`))
  }

  private status(field: string): string {
    return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(this.read("status"))?.[1] ?? ""
  }

  get inspectorPort(): number {
    const options = this.read("environ").split("\0").find((variable) => variable.startsWith("NODE_OPTIONS="))
    return inspectorPortOf(options?.slice("NODE_OPTIONS=".length) ?? "", this.read("cmdline").split("\0"))
  }

  /** The sockets of the process are those among its files, and of all of its network that listen. */
  listening(): ReadonlyArray<Address> | undefined {
    const own = new Set<string>()
    const files = attempt(() => readdirSync(`/proc/${this.pid}/fd`))
    if (files === undefined) return undefined
    for (const file of files) {
      const inode = /^socket:\[(\d+)\]$/.exec(this.link(`fd/${file}`) ?? "")?.[1]
      if (inode !== undefined) own.add(inode)
    }
    return this.sockets.filter(({ inode }) => own.has(inode))
  }

  private get sockets() {
    return ["net/tcp", "net/tcp6"].flatMap((file) => listeningIn(this.read(file)))
  }

  ownerOf(port: number): string | undefined {
    const socket = this.sockets.find((one) => one.port === port)
    if (socket === undefined || this.listening()?.some((one) => one.port === port) === true) return undefined
    const owner = (attempt(() => readdirSync("/proc")) ?? []).find((pid) =>
      /^\d+$/.test(pid) &&
      attempt(() => readdirSync(`/proc/${pid}/fd`))?.some((file) =>
        attempt(() => readlinkSync(`/proc/${pid}/fd/${file}`)) === `socket:[${socket.inode}]`
      )
    )
    return owner === undefined ? "another process" : `process ${owner}`
  }

  wake(): void {
    const executable = this.link("exe")
    if (executable === undefined) {
      throw new CannotLook(
        `process ${this.pid} has ended, or belongs to another user: run sluice as that user, or as root`
      )
    }
    // The executable of a process may have been replaced since.
    this.checkNode(executable.replace(/ \(deleted\)$/, ""))
    const network = this.link("ns/net")
    if (network !== undefined && network !== attempt(() => readlinkSync("/proc/self/ns/net"))) {
      throw new CannotLook(
        `process ${this.pid} is in another network namespace, as in a container: ` +
          `run sluice ps ${this.ownPid} inside, or: nsenter --target ${this.pid} --net sluice ps ${this.pid}`
      )
    }
    if (/^[Tt]/.test(this.status("State"))) {
      throw new CannotLook(`process ${this.pid} is stopped: kill -CONT ${this.pid}`)
    }
    const has = (field: string) => (Number.parseInt(this.status(field).slice(-3), 16) & sigusr1) !== 0
    if (!has("SigCgt")) {
      throw new CannotLook(
        has("SigBlk")
          ? `process ${this.pid} has its inspector disabled, by --disable-sigusr1 or --permission`
          : `process ${this.pid} has no handler for SIGUSR1 and would end by it: it may just have started`
      )
    }
    process.kill(this.pid, "SIGUSR1")
  }

  override occupation(): string {
    // After the name, which may have any character.
    const state = /\) (\w)/.exec(this.read(`task/${this.pid}/stat`))?.[1]
    if (state === "R") return "is in native code"
    if (state === "T" || state === "t") return `is stopped: kill -CONT ${this.pid}`
    return state === undefined ? super.occupation() : "waits in a synchronous call, as of a file or a process"
  }
}

/** The bit of signal 10 in the masks of /proc. */
const sigusr1 = 1 << 9

/** The lines of /proc/net/tcp and tcp6 in state 0A. Addresses are words in the order of the machine's bytes. */
export const listeningIn = (table: string): ReadonlyArray<Address & { readonly inode: string }> =>
  table.split("\n").slice(1).flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/)
    const [address = "", port = ""] = local.split(":")
    return state === "0A" ? [{ host: hostOf(address), port: Number.parseInt(port, 16), inode }] : []
  })

const hostOf = (address: string): string => {
  if (/^0+$/.test(address)) return address.length === 8 ? "127.0.0.1" : "::1"
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) => word.match(/../g)?.reverse() ?? [])
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".")
  return (bytes.join("").match(/.{4}/g) ?? []).map((part) => part.replace(/^0{1,3}/, "")).join(":").replace(
    /^0(?::0){6}:/,
    "::"
  )
}

const run = (command: string, ...args: ReadonlyArray<string>): string =>
  attempt(() => execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) ?? ""

/** macOS, and other systems with `ps` and `lsof`. */
class Bsd extends Named implements Target {
  get inspectorPort(): number {
    // With the environment behind the arguments.
    const [command = "", ...rest] = run("ps", "-E", "-ww", "-p", String(this.pid), "-o", "command=").trim().split(/\s+/)
    const options = rest.find((word) => word.startsWith("NODE_OPTIONS="))?.slice("NODE_OPTIONS=".length)
    return inspectorPortOf(options ?? "", [command, ...rest])
  }

  listening(): ReadonlyArray<Address> | undefined {
    const listed = run("lsof", "-a", "-nP", "-p", String(this.pid), "-iTCP", "-sTCP:LISTEN", "-Fn")
    return addressesOfLsof(listed)
  }

  ownerOf(port: number): string | undefined {
    const pid = /^p(\d+)$/m.exec(run("lsof", "-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fp"))?.[1]
    return pid === undefined || Number(pid) === this.pid ? undefined : `process ${pid}`
  }

  wake(): void {
    this.checkNode(run("ps", "-p", String(this.pid), "-o", "comm=").trim())
    process.kill(this.pid, "SIGUSR1")
  }
}

export const addressesOfLsof = (listed: string): ReadonlyArray<Address> =>
  [...listed.matchAll(/^n(.*):(\d+)$/gm)].map(([, host = "", port]) => ({
    host: host === "*" ? "127.0.0.1" : host.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port)
  }))

class Windows extends Named implements Target {
  /** Other processes' options cannot be read. */
  readonly inspectorPort = defaultPort

  listening(): ReadonlyArray<Address> | undefined {
    return addressesOfNetstat(run("netstat", "-ano", "-p", "TCP")).filter(({ pid }) => pid === this.pid)
  }

  ownerOf(port: number): string | undefined {
    const owner = addressesOfNetstat(run("netstat", "-ano", "-p", "TCP")).find((one) => one.port === port)
    return owner === undefined || owner.pid === this.pid ? undefined : `process ${owner.pid}`
  }

  wake(): void {
    const listed = run("tasklist", "/FI", `PID eq ${this.pid}`, "/FO", "CSV", "/NH")
    this.checkNode(/^"([^"]+)"/.exec(listed.trim())?.[1] ?? "unknown")
    // Documented nowhere, and used by every debugger: Node has no signal to be woken by on Windows.
    const { _debugProcess } = process as unknown as { readonly _debugProcess: (pid: number) => void }
    _debugProcess(this.pid)
  }
}

/** A socket that listens has no peer. The name of its state is in the language of the system. */
export const addressesOfNetstat = (listed: string): ReadonlyArray<Address & { readonly pid: number }> =>
  [...listed.matchAll(/^\s*TCP\s+(\S+):(\d+)\s+(?:0\.0\.0\.0|\[::\]):0\s+\S+\s+(\d+)\s*$/gm)].map((
    [, host = "", port, pid]
  ) => ({
    host: host === "0.0.0.0" ? "127.0.0.1" : host.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port),
    pid: Number(pid)
  }))
