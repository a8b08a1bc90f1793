/** Shows the type of the name under the pointer, in blocks whose types are known. */
import { withBase } from "vitepress"
import type { Types } from "../build/types.ts"

const loaded = new Map<string, Promise<Types | undefined>>()

const typesOf = (id: string): Promise<Types | undefined> => {
  const known = loaded.get(id)
  if (known !== undefined) return known
  // Without the network there are none.
  const found = fetch(withBase(`/types/${id}.json`)).then(
    (response) => response.ok ? response.json() as Promise<Types> : undefined
  ).catch(() => {
    loaded.delete(id)
    return undefined
  })
  loaded.set(id, found)
  return found
}

/** The place between two characters of a text that is nearest to a point. Undefined in a browser that does not say. */
const caretAt = (x: number, y: number): CaretPosition | undefined =>
  "caretPositionFromPoint" in document ? document.caretPositionFromPoint(x, y) ?? undefined : undefined

const lengthUntil = (code: Element, node: Node, offset: number): number => {
  const range = document.createRange()
  range.setStart(code, 0)
  range.setEnd(node, offset)
  return range.toString().length
}

const rangeOf = (code: Element, from: number, to: number): Range => {
  const range = document.createRange()
  const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT)
  let at = 0
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    const length = text.textContent?.length ?? 0
    if (at <= from && from < at + length) range.setStart(text, from - at)
    if (at < to && to <= at + length) {
      range.setEnd(text, to - at)
      break
    }
    at += length
  }
  return range
}

const contains = ({ bottom, left, right, top }: DOMRect, x: number, y: number): boolean =>
  left <= x && x <= right && top <= y && y <= bottom

/** Room between the name, what is shown, and the edges of the window, in pixels. */
const gap = 6

/** Below the name if there is room, else above. */
const place = (popup: HTMLElement, { bottom, left, top }: DOMRect): void => {
  const { clientHeight, clientWidth } = document.documentElement
  const { height, width } = popup.getBoundingClientRect()
  const isBelow = bottom + gap + height <= clientHeight || top < height
  popup.style.left = `${Math.max(gap, Math.min(left, clientWidth - width - gap))}px`
  popup.style.top = `${isBelow ? bottom + gap : top - gap - height}px`
}

/** For how long the pointer may be on its way from the name to what is shown, in milliseconds. */
const leaving = 200

/** From now on, on all pages. */
export const showTypes = (): void => {
  const popup = document.createElement("div")
  popup.className = "type-of-name"
  popup.setAttribute("role", "tooltip")
  let shown: Range | undefined
  let hiding: ReturnType<typeof setTimeout> | undefined

  const underline = (range: Range | undefined): void => {
    if (!("highlights" in CSS)) return
    if (range === undefined) CSS.highlights.delete("type-of-name")
    else CSS.highlights.set("type-of-name", new Highlight(range))
  }

  const hide = (): void => {
    clearTimeout(hiding)
    hiding = undefined
    shown = undefined
    popup.remove()
    underline(undefined)
  }

  const hideSoon = (): void => {
    if (shown !== undefined) hiding ??= setTimeout(hide, leaving)
  }

  const show = (range: Range, box: DOMRect, text: string): void => {
    clearTimeout(hiding)
    hiding = undefined
    if (
      popup.isConnected && popup.textContent === text && shown?.compareBoundaryPoints(Range.START_TO_START, range) === 0
    ) {
      return
    }
    shown = range
    popup.textContent = text
    document.body.append(popup)
    place(popup, box)
    underline(range)
  }

  let asked = 0
  const look = async (target: EventTarget | null, x: number, y: number): Promise<void> => {
    const turn = ++asked
    if (!(target instanceof Element) || popup.contains(target)) {
      clearTimeout(hiding)
      hiding = undefined
      return
    }
    const id = target.closest<HTMLElement>("pre[data-types]")?.dataset["types"]
    const code = target.closest("pre")?.querySelector("code") ?? undefined
    if (id === undefined || code === undefined) return hideSoon()
    const types = await typesOf(id)
    // The pointer may have moved on, or the reader may have left the page.
    if (turn !== asked || types === undefined || !code.isConnected) return
    const caret = caretAt(x, y)
    if (caret === undefined || !code.contains(caret.offsetNode)) return hideSoon()
    const offset = lengthUntil(code, caret.offsetNode, caret.offset)
    for (const [from, to, text] of types.places) {
      if (offset < from || offset > to) continue
      const range = rangeOf(code, from, to)
      const box = range.getBoundingClientRect()
      if (contains(box, x, y)) return show(range, box, types.texts[text] ?? "")
    }
    hideSoon()
  }

  const moved = ({ clientX, clientY, target }: PointerEvent): void => void look(target, clientX, clientY)
  const pressed = ({ key }: KeyboardEvent): void => {
    if (key === "Escape") hide()
  }
  const scrolled = ({ target }: Event): void => {
    if (target !== popup) hide()
  }
  document.addEventListener("pointermove", moved, { passive: true })
  // A touch is a press without a move.
  document.addEventListener("pointerdown", moved, { passive: true })
  document.addEventListener("keydown", pressed, { passive: true })
  document.addEventListener("scroll", scrolled, { passive: true, capture: true })
}
