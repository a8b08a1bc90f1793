import type { OutputStream, Platform } from "./platform.js"

/** Splits text that comes in chunks into lines. */
class Lines {
  private rest = ""

  constructor(private readonly heard: (line: string) => void) {}

  push(text: string): void {
    // Scan the new text only: a long line comes in many chunks.
    if (!text.includes("\n")) {
      this.rest += text
      return
    }
    const lines = (this.rest + text).split(/\r?\n/)
    this.rest = lines.pop() ?? ""
    for (const line of lines) this.heard(line)
  }

  end(): void {
    if (this.rest !== "") this.heard(this.rest)
    this.rest = ""
  }
}

/** Starts threads whose output is captured: `heard` gets each line, the last ones before the thread's end. */
export const capturing = (
  spawn: Platform["spawn"],
  heard: (line: string, stream: OutputStream) => void
): Platform["spawn"] =>
(options, events) => {
  const lines = {
    stdout: new Lines((line) => heard(line, "stdout")),
    stderr: new Lines((line) => heard(line, "stderr"))
  }
  return spawn(options, {
    message: events.message,
    output: (text, stream) => lines[stream].push(text),
    ended: (end) => {
      lines.stdout.end()
      lines.stderr.end()
      events.ended(end)
    }
  })
}
