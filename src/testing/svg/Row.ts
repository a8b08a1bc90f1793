/** Which stretches of a row are taken, so that no two texts overlap. */
export class Row {
  private readonly taken: Array<readonly [from: number, to: number]> = []

  take(from: number, to: number): boolean {
    if (this.taken.some((other) => from < other[1] && to > other[0])) return false
    this.taken.push([from, to])
    return true
  }
}
