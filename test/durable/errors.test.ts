import { Cause } from "effect"
import { Limit } from "sluice/durable"
import { expect, test } from "vitest"

const throwing = {
  get message(): string {
    throw new Error("no")
  }
}

test.each<readonly [unknown, string]>([
  [new Cause.TimeoutError("no reply within 5 s"), "TimeoutError: no reply within 5 s"],
  [new Error("lost", { cause: new Error("ECONNRESET") }), "Error: lost (cause: Error: ECONNRESET)"],
  ["lost", "\"lost\""],
  [undefined, "undefined"],
  // As test runners have it, who copy an error to show it.
  [Object.assign(Object.create(null), { name: "Error", message: "lost" }), "{\"name\":\"Error\",\"message\":\"lost\"}"],
  [throwing, "{\"message\":\"[property access threw]\"}"]
])("a StoreError says what its cause is: %#", (cause, text) => {
  const error = new Limit.StoreError({ operation: "Limit.acquire", of: "calls", cause })
  expect(error.message).toBe(`Limit.acquire of "calls" failed: ${text}`)
})
