/**
 * The program with a signal that comes at a moment of the test's choosing: as often as `SIGNAL_AT` says, counting from
 * 1, a transaction begins to be committed, or has been. A kill that is timed from outside would come anywhere.
 */
import Libsql from "libsql"

const { SIGNAL, SIGNAL_AT, SIGNAL_WHEN } = process.env
// Called with its own `this`, below.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { exec } = Libsql.prototype
let commits = 0

Libsql.prototype.exec = function(this: Libsql.Database, source: string) {
  const now = source === "COMMIT" && ++commits === Number(SIGNAL_AT)
  const signal = () => process.kill(process.pid, SIGNAL)
  if (now && SIGNAL_WHEN === "before") signal()
  exec.call(this, source)
  if (now && SIGNAL_WHEN === "after") signal()
  return this
}

await import("../../docs/examples/etl.js")
