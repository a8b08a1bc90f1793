/** The lines that a program prints. They are shown once a frame: a page that draws each by itself falls behind. */
import { shallowRef } from "vue"

export interface Line {
  readonly level: "log" | "warn" | "error"
  readonly text: string
}

export const useLines = () => {
  const shown = shallowRef<ReadonlyArray<Line>>([])
  let printed: Array<Line> = []
  let frame: number | undefined
  const show = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame)
    frame = undefined
    shown.value = [...printed]
  }
  return {
    shown,
    print: (level: Line["level"], text: string): void => {
      printed.push({ level, text })
      frame ??= requestAnimationFrame(show)
    },
    /** Shows all lines at once: a page in the background has no frames. */
    show,
    clear: (): void => {
      printed = []
      show()
    }
  }
}
