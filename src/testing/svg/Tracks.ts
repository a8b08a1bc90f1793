/** Where the lanes are from top to bottom, which is known once everything above them is. */

const laneHeight = 46
/** Where the bar's middle is in its lane: above it is room for a callout's number. */
const laneMiddle = 30

export class Tracks {
  readonly height: number
  readonly bottom: number
  readonly laneHeight = laneHeight

  constructor(readonly top: number, lanes: number) {
    this.height = lanes * laneHeight
    this.bottom = top + this.height
  }

  topOf(lane: number): number {
    return this.top + lane * laneHeight
  }

  middleOf(lane: number): number {
    return this.topOf(lane) + laneMiddle
  }
}
