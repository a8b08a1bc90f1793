/**
 * A place in the source, of a function or of a generator's current `yield*`.
 *
 * @since 0.1.0
 */
export interface Source {
  /** The path, relative to the working folder if it is beneath that. */
  readonly file: string
  /** The number of the line, from 1. */
  readonly line: number
  /** The number of the column, from 1. */
  readonly column: number
  /** The line itself, without its indentation. `undefined` if it cannot be read. */
  readonly text: string | undefined
}

/**
 * A function on the stack of a thread, and the place in it.
 *
 * @since 0.1.0
 */
export interface Frame extends Source {
  /** The name of the function. `undefined` for a function without one. */
  readonly function: string | undefined
}
