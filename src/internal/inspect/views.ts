/** Views as they are looked at: a plain list, and with the holds that the heap has and their lines do not know. */
import {
  type Detail,
  type Hold,
  type Holding,
  type HoldTypeId,
  type Line,
  type View,
  type Viewable,
  ViewTypeId
} from "../view.js"

const withParts = (view: View): ReadonlyArray<View> => [view, ...view.parts?.flatMap(withParts) ?? []]

/**
 * A view, and the views of its parts. None for the semaphore of a key, as `Semaphore.forKey` makes it: that is a part
 * of its keyed one, which shows it.
 */
export const flat = (view: View): ReadonlyArray<View> => "key" in view ? [] : withParts(view)

/** The views of a resource, if there is one. */
export const viewsOf = (resource: Viewable | undefined, detail: Detail): ReadonlyArray<View> => {
  const view = resource?.[ViewTypeId](detail)
  return view === undefined ? [] : flat(view)
}

/** A hold, and the object that has its line. */
export type Held = NonNullable<ReturnType<Holding[typeof HoldTypeId]>>

/** Adds holds that began before anybody watched. The views are copies, and the caller is their only reader. */
export const addHolds = (views: ReadonlyArray<View>, held: Iterable<Held>): void => {
  const lines = new Map<object, { readonly line: Line; readonly keys: Set<object> }>()
  for (const view of views) {
    for (const line of view.lines) {
      // Of several lines, as those of a pool, none needs this.
      lines.set(line.self, { line, keys: new Set(line.holds.map(({ key }) => key)) })
    }
  }
  for (const { hold, of } of held) {
    const found = lines.get(of)
    if (found === undefined || found.keys.has(hold.key)) continue
    found.keys.add(hold.key) // Waits refer to the line, so it stays the same object.
    ;(found.line.holds as Array<Hold>).push(hold)
  }
}
