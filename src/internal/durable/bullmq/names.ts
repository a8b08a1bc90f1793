const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`

/** BullMQ gives jobs without an id a number, and refuses such ids from others. Its keys are parted by colons. */
export const encodeId = (id: string): string => encodeName(id).replace(/^[\d-](?=\d*$)/, hex)

/** The id that `encodeId` was given. An id that BullMQ made stays as it is. */
export const decodeId = (id: string): string =>
  id.replace(/^%(?:3\d|2D)|%(?:25|3A)/g, (code) => String.fromCharCode(parseInt(code.slice(1), 16)))

/** Colons part BullMQ's keys: a queue's name has none. */
export const encodeName = (name: string): string => name.replace(/[%:]/g, hex)
