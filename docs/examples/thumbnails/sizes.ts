/** How wide the thumbnails of an upload are at most, in pixels. */
export const sizes = { small: 160, medium: 480, large: 960 } as const

export type Size = keyof typeof sizes

export const names = Object.keys(sizes) as ReadonlyArray<Size>
