/** A process could not be looked at. The message is for a person: `sluice ps` prints it, and no stack. */
export class CannotLook extends Error {
  override readonly name = "CannotLook"
}

/** The process has ended, or somebody else has closed its inspector. */
export class ConnectionLost extends CannotLook {
  constructor() {
    super("the connection to the process was lost: it may have ended")
  }
}
