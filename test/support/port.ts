import type { MessagePortLike } from "../../src/internal/threads/protocol.js"

/** A thread's port without the other thread: what it says is heard at once, as a clone. */
export class Port implements MessagePortLike {
  onmessage: MessagePortLike["onmessage"] = null
  onmessageerror: MessagePortLike["onmessageerror"] = null
  heard: (message: unknown, transfer: ReadonlyArray<unknown>) => void = () => {}

  postMessage(message: unknown, transfer: ReadonlyArray<unknown> = []): void {
    this.heard(structuredClone(message), transfer)
  }

  isClosed = false

  close(): void {
    this.isClosed = true
  }

  hear(message: unknown): void {
    this.onmessage?.({ data: message })
  }
}
