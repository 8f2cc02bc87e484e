import { Effect } from "effect"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { fault } from "../../../adapters/store/fault/fault.ts"
import { latency } from "../../../adapters/store/latency/latency.ts"
import { log } from "../../../adapters/store/log/log.ts"
import { limit } from "../../../adapters/store/limit/limit.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { retry } from "../../../adapters/store/retry/retry.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { storeSuite } from "../../suites/store/contract.ts"

const decorators: Record<string, (store: ObjectStore) => ObjectStore> = {
  retry: (store) => retry(store),
  limit: (store) => limit(store, { operations: 2 }),
  fault: (store) => fault(store, { nth: Infinity, effect: "fail" }),
  latency: (store) => latency(store, { delay: 0 }),
  counting: (store) => counting(store),
  log: (store) => log(store),
}

for (const [name, decorate] of Object.entries(decorators)) {
  storeSuite(`${name} over memoryStore`, Effect.map(memoryStore.make(), decorate), {
    skipLarge: "size changes nothing for a decorator",
  })
}
