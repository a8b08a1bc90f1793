// What the main process, which sends, and that of the subscribers tell each other.
import type { Received, Settings } from "./server.js"

export type ToServer =
  | { readonly type: "serve"; readonly settings: Settings }
  /** Close, and say what has come. */
  | { readonly type: "end" }

export type FromServer =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "received" } & Received
