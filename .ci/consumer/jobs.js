// What a thread of the smoke test serves.
import { Effect } from "effect"
import { serve } from "sluice/threads/ThreadWorker"

serve({
  add: (n) => n + 1,
  fail: () => Effect.fail({ _tag: "Planned" }),
  forever: () => {
    for (;;);
  }
})
