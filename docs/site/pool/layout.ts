/** Where everything of a picture is drawn, in pixels, for a width: four columns, or four bands on a telephone. */
import { type Dot, type Outcome, outcomes, type Picture, recent } from "./model.js"
import type { Settings } from "./settings.js"

export interface Spot {
  readonly x: number
  readonly y: number
}

export interface Area extends Spot {
  readonly title: string
  readonly width: number
  readonly height: number
}

export interface DotSpot extends Spot {
  readonly dot: Dot
  /** 1, or less for results that others have followed. */
  readonly opacity: number
}

export interface WorkerSpot extends Spot {
  readonly id: number
  /** The share of the job's time that has passed. `undefined` if the worker is idle. */
  readonly progress: number | undefined
}

export interface Row extends Spot {
  readonly outcome: Outcome
  readonly count: number
}

export interface Scene {
  readonly width: number
  readonly height: number
  readonly areas: { readonly callers: Area; readonly queue: Area; readonly workers: Area; readonly results: Area }
  /** The places of the queue. */
  readonly places: ReadonlyArray<Spot>
  readonly workers: ReadonlyArray<WorkerSpot>
  readonly rows: ReadonlyArray<Row>
  /** In the order of arrival: an element that keeps its place in the document goes on with its glide. */
  readonly dots: ReadonlyArray<DotSpot>
  /** Jobs for which an area has no room. */
  readonly hidden: { readonly waiting: number; readonly queued: number }
}

/** The distance of two dots in a line. */
const pitch = 22
/** The distance of two workers: of those in a column, and of those in a row. */
const bench = 44
const seat = 39
/** The distance of two dots in a trail. */
const step = 15
const head = 40
const pad = 14
const rows = 8

/** Jobs in a line: the first is next to the workers, and each turn of the line is short. */
type Line = (index: number) => Spot

const columnsFrom = (right: number, top: number): Line => (index) => {
  const column = Math.floor(index / rows)
  const row = index % rows
  return {
    x: right - pitch / 2 - column * pitch,
    y: top + pitch / 2 + (column % 2 === 0 ? row : rows - 1 - row) * pitch
  }
}

const bandsFrom = (left: number, top: number, width: number): Line => {
  const columns = Math.floor(width / pitch)
  return (index) => {
    const row = Math.floor(index / columns)
    const column = index % columns
    return {
      x: left + pitch / 2 + (row % 2 === 0 ? column : columns - 1 - column) * pitch,
      y: top + pitch / 2 + row * pitch
    }
  }
}

/** The outcomes of a scene: those that its settings can bring about, and those that have come about. */
const outcomesOf = (picture: Picture, { deadline, full }: Settings): ReadonlyArray<Outcome> =>
  outcomes.filter((outcome) =>
    outcome === "succeeded" || outcome === "failed" || picture.ended[outcome] > 0 ||
    (outcome === "rejected" && full === "reject") || (outcome === "expired" && deadline !== "none") ||
    (outcome === "dropped" && (full === "dropping" || full === "sliding"))
  )

interface Frame {
  readonly height: number
  readonly areas: Scene["areas"]
  readonly callers: Line
  readonly queue: Line
  /** How many dots the two lines have room for. */
  readonly room: { readonly waiting: number; readonly queued: number }
  readonly worker: (id: number) => Spot
}

const area = (title: string, x: number, y: number, width: number, height: number): Area => ({
  title,
  x,
  y,
  width,
  height
})

const titles = ["Waiting for room", "Queue", "Workers", "Results"] as const

const columns = (width: number): Frame => {
  const height = head + rows * pitch + pad
  const gap = 12
  // Workers and results need so much. The two lines share what is left.
  const fixed = [4 * bench + 2 * pad, recent * step + 132 + 2 * pad] as const
  const left = width - 3 * gap - fixed[0] - fixed[1]
  const widths = [0.44 * left, 0.56 * left, ...fixed]
  const lefts = widths.map((_, i) => widths.slice(0, i).reduce((sum, one) => sum + one + gap, 0))
  const [callers, queue, workers, results] = titles.map((title, i) =>
    area(title, lefts[i]!, 0, widths[i]!, height)
  ) as [Area, Area, Area, Area]
  const room = ({ width }: Area) => Math.floor((width - 2 * pad) / pitch) * rows
  return {
    height,
    areas: { callers, queue, workers, results },
    callers: columnsFrom(callers.x + callers.width - pad, head),
    queue: columnsFrom(queue.x + queue.width - pad, head),
    room: { waiting: room(callers), queued: room(queue) },
    worker: (id) => ({
      x: workers.x + pad + bench / 2 + Math.floor((id - 1) / 4) * bench,
      y: head + bench / 2 + (id - 1) % 4 * bench
    })
  }
}

const bands = (width: number, outcomeCount: number): Frame => {
  const perRow = Math.floor((width - 2 * pad) / pitch)
  const perBench = Math.floor((width - 2 * pad) / seat)
  const heights = [2 * pitch, 5 * pitch, Math.ceil(16 / perBench) * bench, Math.max(3, outcomeCount) * pitch]
    .map((height) => head + height + pad)
  const gap = 10
  const tops = heights.map((_, i) => heights.slice(0, i).reduce((sum, height) => sum + height + gap, 0))
  const [callers, queue, workers, results] = titles.map((title, i) => area(title, 0, tops[i]!, width, heights[i]!)) as [
    Area,
    Area,
    Area,
    Area
  ]
  return {
    height: results.y + results.height,
    areas: { callers, queue, workers, results },
    callers: bandsFrom(pad, callers.y + head, width - 2 * pad),
    queue: bandsFrom(pad, queue.y + head, width - 2 * pad),
    room: { waiting: perRow * 2, queued: perRow * 5 },
    worker: (id) => ({
      x: pad + seat / 2 + (id - 1) % perBench * seat,
      y: workers.y + head + bench / 2 + Math.floor((id - 1) / perBench) * bench
    })
  }
}

/** From this width on the areas are next to each other. */
export const wide = 860

export const layout = (picture: Picture, settings: Settings, width: number): Scene => {
  const ends = outcomesOf(picture, settings)
  const frame = width >= wide ? columns(width) : bands(width, ends.length)
  const { areas, callers, queue, room, worker } = frame
  const left = areas.results.x + pad
  const rowOf = (outcome: Outcome) => areas.results.y + head + pitch / 2 + ends.indexOf(outcome) * pitch
  const line = (dots: ReadonlyArray<Dot>, at: Line, most: number): ReadonlyArray<DotSpot> =>
    dots.slice(0, most).map((dot, index) => ({ dot, ...at(index), opacity: 1 }))
  const busy = picture.workers.flatMap(({ dot, id }) => dot === undefined ? [] : [{ dot, ...worker(id), opacity: 1 }])
  const trails = picture.latest.map((dot) => ({
    dot,
    // Each place of a trail is used again: a dot that has come to rest does not move.
    x: left + step / 2 + dot.rank % recent * step,
    y: rowOf(dot.place as Outcome),
    opacity: 1 - 0.07 * (picture.ended[dot.place as Outcome] - 1 - dot.rank)
  }))
  const places = settings.capacity === "unbounded" ? 0 : Math.min(settings.capacity, room.queued)
  return {
    width,
    height: frame.height,
    areas,
    places: Array.from({ length: places }, (_, index) => queue(index)),
    workers: picture.workers.map(({ dot, id }) => ({
      id,
      ...worker(id),
      progress: dot === undefined ? undefined : Math.min(1, (picture.at - dot.started!) / dot.job.millis)
    })),
    rows: ends.map((outcome) => ({
      outcome,
      count: picture.ended[outcome],
      x: left + recent * step + 8,
      y: rowOf(outcome)
    })),
    dots: [
      ...line(picture.waiting, callers, room.waiting),
      ...line(picture.queued, queue, room.queued),
      ...busy,
      ...trails
    ].sort((one, other) => one.dot.job.id - other.dot.job.id),
    hidden: {
      waiting: Math.max(0, picture.waiting.length - room.waiting),
      queued: Math.max(0, picture.queued.length - room.queued)
    }
  }
}
