/** The page's measures, which more than one part of the picture keeps to. */

/** A full screen of today: beyond it, one would have to scroll sideways, away from the fibers' names. */
export const maxWidth = 1920
export const minWidth = 1100
export const margin = 24
/** How thick the bar of an actor's lane is; an arrow ends just outside of it. */
export const barHeight = 14
