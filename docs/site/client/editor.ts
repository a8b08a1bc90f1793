/** The editor, loaded when it is first asked for. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands"
import { javascript } from "@codemirror/lang-javascript"
import { bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language"
import { EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state"
import { Decoration, type DecorationSet, EditorView, keymap, lineNumbers } from "@codemirror/view"
import { classHighlighter } from "@lezer/highlight"

/** A line of the program that is lit, and as what. */
export interface Lit {
  /** From 1. */
  readonly line: number
  readonly as: string
}

export interface Editor {
  readonly text: () => string
  readonly setText: (text: string) => void
  /** Lights these lines instead of the ones before, and shows the first of them. */
  readonly light: (lines: ReadonlyArray<Lit>) => void
  readonly focus: () => void
  readonly destroy: () => void
}

const setLit = StateEffect.define<ReadonlyArray<Lit>>()

const litLines = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (lines, transaction) => {
    let next = transaction.docChanged ? Decoration.none : lines
    for (const effect of transaction.effects) {
      if (!effect.is(setLit)) continue
      const { doc } = transaction.state
      const inside = effect.value.filter(({ line }) => line >= 1 && line <= doc.lines)
      next = RangeSet.of(
        inside.map((lit) => Decoration.line({ class: `lit lit-${lit.as}` }).range(doc.line(lit.line).from)),
        true
      )
    }
    return next
  },
  provide: (field) => EditorView.decorations.from(field)
})

export interface Options {
  readonly parent: HTMLElement
  readonly text: string
  readonly label: string
  readonly run: () => void
  readonly changed?: () => void
}

export const makeEditor = ({ changed, label, parent, run, text }: Options): Editor => {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        indentOnInput(),
        bracketMatching(),
        javascript({ typescript: true }),
        syntaxHighlighting(classHighlighter),
        litLines,
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed?.()
        }),
        keymap.of([
          { key: "Mod-Enter", run: () => (run(), true) },
          ...defaultKeymap,
          ...historyKeymap,
          indentWithTab
        ])
      ]
    })
  })
  return {
    text: () => view.state.doc.toString(),
    setText: (text) => {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
      view.scrollDOM.scrollTo({ top: 0, left: 0 })
    },
    light: (lines) => {
      view.dispatch({ effects: setLit.of(lines) })
      const [first] = lines
      if (first === undefined || first.line < 1 || first.line > view.state.doc.lines) return
      // The editor scrolls, and not the page.
      const { bottom, top } = view.lineBlockAt(view.state.doc.line(first.line).from)
      const { clientHeight, scrollTop } = view.scrollDOM
      if (top < scrollTop || bottom > scrollTop + clientHeight) {
        view.scrollDOM.scrollTo({ top: Math.max(0, top - clientHeight / 2) })
      }
    },
    focus: () => view.focus(),
    destroy: () => view.destroy()
  }
}
