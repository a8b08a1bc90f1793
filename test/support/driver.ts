/** A real browser that a test drives: Chromium's DevTools protocol over a pipe, which needs no package and no port. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Readable, type Writable } from "node:stream"
import { chromium, flags } from "./browser.js"

type Fields = Readonly<Record<string, unknown>>

export interface Tab {
  /** Goes to an address, and returns when the page has loaded. */
  go(address: string): Promise<void>
  /** The value of an expression, as JSON has it. A promise is awaited. */
  evaluate(expression: string): Promise<unknown>
  /** Returns when the expression is true. */
  until(expression: string): Promise<void>
  /** Clicks on the middle of the first element that the selector finds, as a mouse does. */
  click(selector: string): Promise<void>
  /** Presses a key: `Escape`, `Tab`, `Enter` or a character. */
  press(key: string): Promise<void>
  /** What the viewer's device is like. */
  device(device: { readonly width: number; readonly height?: number; readonly isDark?: boolean }): Promise<void>
  /** A PNG of the window. */
  shoot(): Promise<Uint8Array>
  /** Messages of the console and exceptions, since the last call. */
  said(): ReadonlyArray<string>
}

export interface Driver {
  tab(): Promise<Tab>
  close(): Promise<void>
}

const untilMillis = 20_000

export const drive = (): Driver => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-driver-"))
  const browser = spawn(chromium!, [...flags, "--remote-debugging-pipe", `--user-data-dir=${folder}`, "about:blank"], {
    env: { ...process.env, HOME: folder },
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"]
  })
  // All of its processes hold this pipe: it is closed once the last one has ended, and writes no more files.
  browser.stderr!.resume()
  const closed = once(browser, "close")
  // Both are pipes, by the option above.
  const [commands, events] = [browser.stdio[3] as Writable, browser.stdio[4] as Readable]
  const pending = new Map<number, Call<Fields>>()
  const listeners = new Set<(session: unknown, method: string, params: Fields) => void>()
  let last = 0
  let rest = ""
  events.setEncoding("utf8").on("data", (chunk: string) => {
    const messages = (rest + chunk).split("\0")
    rest = messages.pop() ?? ""
    for (const text of messages) {
      const { error, id, method, params, result, sessionId } = JSON.parse(text) as {
        readonly id?: number
        readonly error?: { readonly message: string }
        readonly result: Fields
        readonly method: string
        readonly params: Fields
        readonly sessionId?: string
      }
      const call = pending.get(id ?? 0)
      pending.delete(id ?? 0)
      if (error !== undefined) call?.reject(new Error(error.message))
      else if (id !== undefined) call?.resolve(result)
      else for (const listener of listeners) listener(sessionId, method, params)
    }
  })
  const send = (method: string, params: Fields = {}, sessionId?: unknown): Promise<Fields> =>
    new Promise((resolve, reject) => {
      pending.set(++last, { resolve, reject })
      commands.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`)
    })

  const tab = async (): Promise<Tab> => {
    const { targetId } = await send("Target.createTarget", { url: "about:blank" })
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true })
    const ask = (method: string, params?: Fields) => send(method, params, sessionId)
    let said: Array<string> = []
    let loaded = () => {}
    listeners.add((session, method, params) => {
      if (session !== sessionId) return
      if (method === "Page.loadEventFired") loaded()
      if (/exceptionThrown|consoleAPICalled|entryAdded/.test(method)) said.push(JSON.stringify(params))
    })
    await Promise.all(["Page.enable", "Runtime.enable", "Log.enable"].map((method) => ask(method)))

    const evaluate = async (expression: string): Promise<unknown> => {
      const { exceptionDetails, result } = await ask("Runtime.evaluate", {
        expression,
        awaitPromise: true,
        returnByValue: true,
        userGesture: true
      })
      if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
      return (result as { readonly value?: unknown }).value
    }

    return {
      evaluate,
      go: async (address) => {
        const load = new Promise<void>((resolve) => {
          loaded = resolve
        })
        await ask("Page.navigate", { url: address })
        await load
      },
      until: async (expression) => {
        const isTrue = await evaluate(`new Promise((resolve) => {
          const end = performance.now() + ${untilMillis}
          const look = () => {
            let is = false
            try { is = Boolean(${expression}) } catch {}
            if (is || performance.now() > end) resolve(is)
            else setTimeout(look, 10)
          }
          look()
        })`)
        if (isTrue !== true) throw new Error(`not within ${untilMillis} ms: ${expression}`)
      },
      click: async (selector) => {
        const [x, y] = await evaluate(`(() => {
          const element = document.querySelector(${JSON.stringify(selector)})
          element.scrollIntoView({ block: "center" })
          // Of a link that is broken into two lines, the first one.
          const [{ x, y, width, height }] = element.getClientRects()
          return [x + width / 2, y + height / 2]
        })()`) as [number, number]
        for (const type of ["mousePressed", "mouseReleased"]) {
          await ask("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 })
        }
      },
      press: async (key) => {
        const code = { Escape: 27, Tab: 9, Enter: 13 }[key]
        const text = key === "Enter" ? "\r" : code === undefined ? key : undefined
        const event = { key, text, windowsVirtualKeyCode: code ?? key.toUpperCase().charCodeAt(0) }
        await ask("Input.dispatchKeyEvent", { type: "keyDown", ...event })
        await ask("Input.dispatchKeyEvent", { type: "keyUp", ...event })
      },
      device: async ({ height = 900, isDark = false, width }) => {
        await ask("Emulation.setDeviceMetricsOverride", {
          width,
          height,
          deviceScaleFactor: 1,
          mobile: width < 600
        })
        const features = [{ name: "prefers-color-scheme", value: isDark ? "dark" : "light" }]
        await ask("Emulation.setEmulatedMedia", { features })
      },
      shoot: async () => {
        const { data } = await ask("Page.captureScreenshot", { format: "png" })
        return Buffer.from(String(data), "base64")
      },
      said: () => {
        const all = said
        said = []
        return all
      }
    }
  }

  const close = async (): Promise<void> => {
    browser.kill()
    await closed
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  return { tab, close }
}

interface Call<A> {
  readonly resolve: (a: A) => void
  readonly reject: (error: Error) => void
}
