/** A plugin that mends the outline of VitePress 1.6 ("On this page"). */
import type { Plugin } from "vite"

const file = "/theme-default/composables/outline.js"
const before = "if (!isAsideEnabled.value) {"
const after = "if (!isAsideEnabled.value || !marker.value) {"

/** It looks for its marker up to 100 ms after a scroll, also when the reader has gone to a page without an outline. */
export const outline: Plugin = {
  name: "outline",
  enforce: "pre",
  transform(text, id) {
    if (!id.endsWith(file)) return
    if (!text.includes(before)) throw new Error("VitePress has another outline: is build/outline.ts still needed?")
    return { code: text.replace(before, after), map: null }
  }
}
