import * as Data from "effect/Data"

/**
 * The defect of starting a child in a group that was cancelled, or whose scope has closed (law G3).
 *
 * @category errors
 * @since 0.1.0
 */
export class GroupClosed extends Data.TaggedError("GroupClosed")<{
  /** The `name` of the group. `undefined` when the group has none. */
  readonly group: string | undefined
}> {
  /** One line that names the group and says that it starts no more children. */
  override get message(): string {
    const group = this.group === undefined ? "the group" : `the group ${JSON.stringify(this.group)}`
    return `Group: ${group} was cancelled, or its scope has closed: it starts no more children`
  }
}

/**
 * The defect of a `go` by a child that could never get a place (law G9): every place is held by a child of the group
 * that waits for the group itself.
 *
 * **Details**
 *
 * The child that dies of it gives its place back. With `onFailure: "continue"` the other children go on.
 *
 * @category errors
 * @since 0.1.0
 */
export class GroupDeadlock extends Data.TaggedError("GroupDeadlock")<{
  /** The `name` of the group. `undefined` when the group has none. */
  readonly group: string | undefined
  /** The limit of the group at that moment: how many children hold a place. */
  readonly limit: number
}> {
  /** One line that names the group and its limit, and advises a `Semaphore` inside the children instead. */
  override get message(): string {
    const { group, limit } = this
    const all = limit === 1 ? "the only place" : `each of the ${limit} places`
    const of = group === undefined ? "the group" : `the group ${JSON.stringify(group)}`
    return `Group.go: ${all} of ${of} is held by a child that waits for the group, so none will ever be free. ` +
      "Start the children without a limit, and bound what they do with a Semaphore"
  }
}
