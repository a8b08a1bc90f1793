/**
 * Elements as data, and one function that changes the document into them. It creates text nodes and attributes only, so
 * a name from a dump cannot become markup; it keeps every element that stays, and with it focus, selection and scroll.
 */

export interface Markup {
  readonly tag: string
  /** Names a child among its siblings. A child with a key keeps its element when others come, go or move. */
  readonly key: string | undefined
  readonly attributes: Attributes
  readonly children: ReadonlyArray<Markup | string>
}

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export type Child = Markup | string | number | false | undefined | ReadonlyArray<Child>

const flat = (child: Child): ReadonlyArray<Markup | string> => {
  if (child === undefined || child === false || child === "") return []
  if (typeof child === "number") return [String(child)]
  return Array.isArray(child) ? (child as ReadonlyArray<Child>).flatMap(flat) : [child as Markup | string]
}

/** `tag` may name classes: `p.note`. An attribute that is undefined or false is absent. */
export const h = (tag: string, attributes: Attributes = {}, ...children: ReadonlyArray<Child>): Markup => {
  const [name, ...classes] = tag.split(".")
  const { key, ...rest } = attributes
  const className = [...classes, ...(rest["class"] === undefined ? [] : [rest["class"]])].join(" ")
  return {
    tag: name ?? "div",
    key: key === undefined ? undefined : String(key),
    attributes: className === "" ? rest : { ...rest, class: className },
    children: flat(children)
  }
}

const made = new WeakMap<Node, Markup>()

const create = (parent: Element, { tag }: Markup): Element =>
  document.createElementNS(tag === "svg" ? "http://www.w3.org/2000/svg" : parent.namespaceURI, tag)

/** The page's policy forbids the attribute `style`, and allows changes to the object `style`. */
const set = (element: Element, name: string, value: Attributes[string]): void => {
  const isAbsent = value === undefined || value === false
  if (name.startsWith("--")) {
    ;(element as HTMLElement | SVGElement).style.setProperty(name, isAbsent ? "" : String(value))
  } else if (isAbsent) element.removeAttribute(name)
  else element.setAttribute(name, value === true ? "" : String(value))
}

const update = (element: Element, next: Markup): void => {
  const last = made.get(element)?.attributes ?? {}
  for (const name of Object.keys(last)) if (!(name in next.attributes)) set(element, name, undefined)
  for (const [name, value] of Object.entries(next.attributes)) if (last[name] !== value) set(element, name, value)
  made.set(element, next)
  change(element, next.children)
}

const change = (parent: Element, children: ReadonlyArray<Markup | string>): void => {
  const keys = new Set(children.map((child) => typeof child === "string" ? undefined : child.key))
  const known = new Map<string, Element>()
  for (const node of [...parent.childNodes]) {
    const key = made.get(node)?.key
    if (key === undefined) continue
    if (keys.has(key)) known.set(key, node as Element)
    else node.remove()
  }
  let at = parent.firstChild
  for (const child of children) {
    if (typeof child === "string") {
      const text: Text = at instanceof Text ? at : parent.insertBefore(document.createTextNode(""), at)
      if (text.data !== child) text.data = child
      at = text.nextSibling
      continue
    }
    const last = at === null ? undefined : made.get(at)
    const isSame = last !== undefined && last.key === undefined && last.tag === child.tag
    let element = child.key === undefined ? (isSame ? at as Element : undefined) : known.get(child.key)
    element ??= create(parent, child)
    if (element !== at) parent.insertBefore(element, at)
    update(element, child)
    at = element.nextSibling
  }
  while (at !== null) {
    const next: ChildNode | null = at.nextSibling
    at.remove()
    at = next
  }
}

/** Changes the children of `parent`. A move takes the focus from an element: `render` gives it back. */
export const render = (parent: Element, ...children: ReadonlyArray<Child>): void => {
  const active = document.activeElement
  change(parent, flat(children))
  if (active instanceof HTMLElement && active.isConnected && document.activeElement !== active) {
    active.focus({ preventScroll: true })
  }
}
