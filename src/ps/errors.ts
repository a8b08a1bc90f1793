/** A process could not be looked at. The message is for a person: `sluice ps` prints it, and no stack. */
export class CannotLook extends Error {
  override readonly name = "CannotLook"
}
