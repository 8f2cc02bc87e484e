/**
 * Another process that copies, and kills itself: `copy_child.ts FROM TO OPERATION true|false`, as
 * `suites/format/child.ts` does.
 */
import process from "node:process"
import { Effect, Stream } from "effect"
import { localStore } from "../../adapters/store/local/local.ts"
import { copy } from "../../formats/copy.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { deadly } from "../suites/format/deadly.ts"
import { runFormat } from "../suites/format/environment.ts"
import { secrets, small } from "./rozen/harness.ts"

const [from, to, operation, within] = process.argv.slice(2) as [string, string, string, string]

await runFormat(Effect.gen(function* () {
  const target = deadly(yield* localStore.make(to), Number(operation), within === "true")
  const a = yield* Effect.provideService(small.open(secrets), ObjectStore, yield* localStore.make(from))
  const b = yield* Effect.provideService(small.open(secrets), ObjectStore, target)
  yield* Stream.runDrain(copy(a, b))
}))
