/** What a thread of piscina loads to give back what it was given, without a copy. */
import { Piscina } from "piscina"
import { touch } from "./functions.js"

export const move = (bytes: Uint8Array<ArrayBuffer>) => Piscina.move(touch(bytes).buffer)
