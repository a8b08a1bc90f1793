/** The page's script: listens to the events, and renders. `npm run build:page` makes `../built.ts` of it. */
import type { Dump } from "../../model.js"
import { h, render } from "./dom.js"
import { duration, encode, View } from "./view.js"

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}
const state = element("state")
const time = element("time")
const figures = element("figures")
const main = element("main")
const pause = element("pause")
const panel = element("panel")
const filter = element("filter") as HTMLInputElement
const busyOnly = element("busy") as HTMLInputElement

// A proxy may serve the page at a path without a slash at its end. A relative address would be wrong there.
const base = location.pathname.replace(/\/?$/, "/")
for (const link of document.querySelectorAll("nav a")) {
  link.setAttribute("href", base + (link.getAttribute("href") ?? ""))
}

const interval = Number(document.body.dataset["interval"])
// The process sends an event each interval. After so long without one, it is blocked, or the connection is dead.
const patience = 3 * interval + 1000

let dump: Dump | undefined
let failure: string | undefined
let stream: EventSource | undefined
let isConnected = false
let isPaused = false
let heardAt = performance.now()
/** The process's clock at `heardAt`. */
let then = 0
const open = new Set<string>()

const now = (): number => isPaused || !isConnected ? then : then + performance.now() - heardAt
const clock = (millis: number): string => new Date(millis).toLocaleTimeString("en-GB")

const selected = (): string => {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ""
  }
}

const viewOf = (dump: Dump): View =>
  new View({
    dump,
    since: Math.max(0, now() - dump.at),
    open,
    filter: filter.value.trim().toLowerCase(),
    busyOnly: busyOnly.checked,
    selected: selected()
  })

// The header

const setState = (kind: string, text: string): void => {
  state.className = kind
  // A screen reader speaks each change of it, so it changes only when it says something else.
  if (state.textContent !== text) state.textContent = text
}

const showState = (): void => {
  if (isPaused) return setState("paused", "Paused")
  if (stream === undefined || !isConnected) {
    return setState("lost", dump === undefined ? "Connecting" : "Connection lost, connecting again")
  }
  const silent = performance.now() - heardAt
  if (silent > patience) return setState("lost", "Silent: the process is blocked, or the connection is dead")
  if (failure !== undefined) return setState("lost", `No dump: ${failure}`)
  setState("live", "Live")
}

const showTime = (): void => {
  showState()
  if (dump === undefined) return
  const watched = dump.watchedSince === undefined ? "" : `, watched for ${duration(now() - dump.watchedSince)}`
  time.textContent = clock(now()) + watched
}

const show = (): void => {
  showTime()
  if (dump === undefined) return
  const view = viewOf(dump)
  figures.textContent = view.figures
  const deadlocks = dump.deadlocks.length
  const trouble = deadlocks === 0 ? "" : deadlocks === 1 ? "Deadlock: " : `${deadlocks} deadlocks: `
  document.title = `${trouble}sluice at ${location.host}`
  render(main, view.all)
  showPanel()
}

// The stream

const hear = (at: number): void => {
  isConnected = true
  heardAt = performance.now()
  then = at
}

const listen = (): void => {
  const source = stream = new EventSource(`${base}events`)
  // An event of the process, with its time.
  const on = (name: string, take: (data: string) => void) =>
    source.addEventListener(name, (event: MessageEvent<string>) => {
      if (stream === source) take(event.data)
    })
  // It comes before each of the others.
  on("time", (data) => {
    hear(Number(data))
    showTime()
  })
  on("dump", (data) => {
    // The types are those of the version of sluice that has made the page.
    dump = JSON.parse(data) as Dump
    failure = undefined
    show()
  })
  on("failed", (data) => {
    failure = String(JSON.parse(data))
    showTime()
  })
  source.addEventListener("error", () => {
    if (stream !== source) return
    then = now()
    isConnected = false
    // The browser connects again by itself after a lost connection, and not after a refusal.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => stream === source && listen(), 2000)
    show()
  })
}

const hangUp = (): void => {
  then = now()
  isConnected = false
  stream?.close()
  stream = undefined
}

const setPaused = (next: boolean): void => {
  if (next) hangUp()
  isPaused = next
  pause.textContent = isPaused ? "Resume" : "Pause"
  if (!next) listen()
  show()
}

// The panel

let explained = ""
let explanation: { readonly text: string; readonly at: string; readonly isBad: boolean } | undefined
let opener: Element | null = null

const explain = async (of: string): Promise<void> => {
  if (explained !== of) explanation = undefined
  explained = of
  showPanel()
  const answer = await fetch(`${base}explain?of=${encode(of)}`)
    .then(async (response) => ({ text: await response.text(), isBad: !response.ok }))
    .catch(() => ({ text: "The process does not answer.", isBad: true }))
  if (explained !== of) return
  explanation = { ...answer, at: clock(Date.now()) }
  showPanel()
}

const showPanel = (): void => {
  const isOpen = explained !== ""
  panel.hidden = !isOpen
  document.body.classList.toggle("explains", isOpen)
  if (!isOpen) return
  const view = dump && viewOf(dump)
  render(
    panel,
    h(
      "div.head",
      {},
      h("h2", { id: "explained", tabindex: -1 }, view?.nameOf(explained) ?? explained),
      button("close", "Close")
    ),
    explanation === undefined
      ? h("p.empty", { role: "status" }, "Asking the process")
      : h(
        "p.text",
        { class: explanation.isBad ? "bad" : undefined },
        view?.linked(explanation.text) ?? explanation.text
      ),
    h("p.empty", {}, explanation && `As of ${explanation.at} `, button("again", "Explain again")),
    view?.standing(explained)
  )
}

const button = (id: string, text: string) => h("button", { type: "button", id }, text)

/** The address says what the panel explains, so that a link leads to it. */
const follow = (): void => {
  const of = selected()
  if (of === explained) return
  if (explained === "") opener = document.activeElement
  if (of === "") {
    explained = ""
    show()
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    return
  }
  void explain(of)
  show()
  document.getElementById("explained")?.focus()
}

const close = (): void => {
  history.pushState(null, "", location.pathname + location.search)
  follow()
}

// The reader

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element)) return
  const key = target.closest("[data-toggle]")?.getAttribute("data-toggle")
  if (key !== null && key !== undefined) {
    if (!open.delete(key)) open.add(key)
    return show()
  }
  const id = target.closest("button")?.id
  if (id === "pause") setPaused(!isPaused)
  else if (id === "close") close()
  else if (id === "again") void explain(explained)
})
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && explained !== "") close()
  else if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
    event.preventDefault()
    filter.focus()
  }
})
filter.addEventListener("input", show)
busyOnly.addEventListener("input", show)
addEventListener("hashchange", follow)
addEventListener("popstate", follow)
// Nobody sees a hidden page, so the process makes no dump for it.
document.addEventListener("visibilitychange", () => {
  if (isPaused) return
  if (document.hidden) hangUp()
  else if (stream === undefined) listen()
})

listen()
follow()
setInterval(show, 1000)
