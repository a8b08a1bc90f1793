/** Servers of Redis and PostgreSQL for a test: processes of its own, on loopback, in temporary folders. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"

export interface Server {
  readonly port: number
  /** Ends the process; its data stay. `SIGKILL`: without a farewell. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>
  /** Freezes the process: connections stay open, and nothing replies. */
  freeze(): void
  /** Lets a frozen process go on. */
  thaw(): void
  /** Starts it again, on the same port and data. */
  start(): Promise<void>
  /** Ends the process, and removes its data. */
  close(): Promise<void>
}

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

const isUp = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("connect", () => resolve(true)).on("connect", () => socket.destroy()).on("error", () => resolve(false))
  })

/** Signals a server, and then the processes of its sessions, on Linux: PostgreSQL has one for each, Redis none. */
const signalAll = (server: ChildProcess | undefined, signal: "SIGSTOP" | "SIGCONT"): void => {
  if (server?.kill(signal) !== true) return
  const sessions = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8")
  for (const pid of sessions.split(" ").filter((pid) => pid !== "")) {
    try {
      process.kill(Number(pid), signal)
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** A server process that is ready when `isReady` says so. */
const serve = async (
  folder: string,
  port: number,
  launch: () => ChildProcess,
  isReady: () => Promise<boolean>,
  stopSignal: NodeJS.Signals
): Promise<Server> => {
  let child: ChildProcess | undefined
  const server: Server = {
    port,
    start: async () => {
      const started = child = launch()
      let output = ""
      for (const stream of [started.stdout, started.stderr]) stream?.on("data", (data) => (output += String(data)))
      for (let i = 0; !(await isReady()); i++) {
        if (started.exitCode !== null || i > 600) throw new Error(`the server did not start: ${output}`)
        await setTimeout(50)
      }
    },
    freeze: () => signalAll(child, "SIGSTOP"),
    thaw: () => signalAll(child, "SIGCONT"),
    stop: async (signal = "SIGTERM") => {
      const running = child
      server.thaw()
      child = undefined
      if (running?.exitCode !== null || running.signalCode !== null) return
      const ended = once(running, "exit")
      running.kill(signal === "SIGKILL" ? signal : stopSignal)
      await ended
    },
    close: async () => {
      await server.stop("SIGKILL")
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    }
  }
  await server.start()
  return server
}

/** An append-only file, which `always` writes at once: a restart loses nothing. */
export const startRedis = async (
  appendfsync: "always" | "everysec" = "always",
  more: ReadonlyArray<string> = []
): Promise<Server> => {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-redis-"))
  const port = await freePort()
  const args = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    folder,
    "--save",
    "",
    "--appendonly",
    "yes",
    ...more
  ]
  return serve(
    folder,
    port,
    () => spawn("redis-server", [...args, "--appendfsync", appendfsync], { stdio: "pipe" }),
    () => isUp(port),
    "SIGTERM"
  )
}

/** Debian has the programs of a server in a folder of their version. */
const pgFolder = (): string => {
  const all = "/usr/lib/postgresql"
  try {
    const [newest] = readdirSync(all).sort((a, b) => Number(b) - Number(a))
    if (newest !== undefined) return path.join(all, newest, "bin")
  } catch {
    // Elsewhere they are where `pg_config` says.
  }
  return execFileSync("pg_config", ["--bindir"], { encoding: "utf8" }).trim()
}

/** A cluster with the user `postgres`, who needs no password. Root may not run it: then the user `postgres` does. */
export const startPostgres = async (): Promise<Server> => {
  const bin = pgFolder()
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-pg-"))
  const port = await freePort()
  const idOf = (option: string) => Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }))
  const user = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {}
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const options = { ...user, cwd: folder }
  execFileSync(path.join(bin, "initdb"), ["-D", folder, "-U", "postgres", "-A", "trust", "--no-sync"], {
    ...options,
    stdio: "pipe"
  })
  const args = ["-D", folder, "-p", String(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
  const isReady = () => {
    try {
      execFileSync(path.join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)], { stdio: "pipe" })
      return Promise.resolve(true)
    } catch {
      return Promise.resolve(false)
    }
  }
  // SIGINT: connections are closed, and the server ends.
  return serve(
    folder,
    port,
    () => spawn(path.join(bin, "postgres"), [...args, "-c", "max_connections=100"], { ...options, stdio: "pipe" }),
    isReady,
    "SIGINT"
  )
}
