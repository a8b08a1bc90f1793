/**
 * The script of the watchdog's thread, as a text: the thread has to start in a bundle, which has no file for it,
 * and no tool that changes functions reads it. The script needs nothing but Node's own modules.
 *
 * Its data: `beats`, one counter that the main thread raises; `every`, the pause between two looks at it; `millis`, for
 * how long it may stand still; and `call`, the code of a function, which the main thread evaluates. The argument of
 * that function is the counter's value: so a late evaluation, in another block, has no effect. Its result is the text
 * to show.
 *
 * Looks are counted, and time is not: after the process was stopped, or the machine was asleep, nobody was blocked. The
 * standard error is written to at once, as the stream of a thread would pass through the main thread.
 */
export const script = (evaluated: string): string => `
const { Session } = process.getBuiltinModule("node:inspector")
const { writeSync } = process.getBuiltinModule("node:fs")
const { beats, call, every, millis } = process.getBuiltinModule("node:worker_threads").workerData
const patience = 500
let last = -1
let beatAt = 0
let missed = 0
setInterval(() => {
  const beat = Atomics.load(beats, 0)
  if (beat !== last) {
    last = beat
    beatAt = performance.now()
    missed = 0
  } else if (++missed === Math.ceil(millis / every)) ask(beat)
}, every)
function ask(beat) {
  const session = new Session()
  session.connectToMainThread()
  let isSaid = false
  const say = (text) => {
    if (isSaid || Atomics.load(beats, 0) !== beat) return
    isSaid = true
    const blocked = Math.round(performance.now() - beatAt)
    try {
      writeSync(2, "sluice: the event loop has been blocked for " + blocked + " ms, " + text + "\\n")
    } catch {}
  }
  const timer = setTimeout(say, patience, "in native code or a synchronous call")
  const expression = call + "(" + beat + ")\\n//# sourceURL=${evaluated}"
  session.post("Runtime.evaluate", { expression, returnByValue: true, silent: true }, (_, answer) => {
    clearTimeout(timer)
    session.disconnect()
    if (typeof answer?.result.value === "string") say(answer.result.value)
  })
}
`
