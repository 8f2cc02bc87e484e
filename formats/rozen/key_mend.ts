/** Whether `KEYS/` is whole, and how an owner makes it so again. SPEC.md, "Rebuild". */
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { Ed25519 } from "../../stages/sign/sign.ts"
import { Afresh, OnSecondRead } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { decodeEpoch } from "./key_epoch.ts"
import { encodeEpochs } from "./key_make.ts"
import type { Opening } from "./key_open.ts"
import { type KeyObjects, readAllKeys } from "./key_read.ts"
import { verifyKeys } from "./key_verify.ts"

/** Reads and verifies all of `KEYS/`, and does it again when something is wrong. Gives what is wrong with it. */
export const checkKeys: (
  store: ObjectStore,
  opening: Pick<Opening, "pin">,
) => Effect.Effect<ReadonlyArray<RepositoryError>, StoreError> = Effect.fnUntraced(
  function* (store, { pin }) {
    const kernel = yield* Ed25519
    const objects = yield* readAllKeys(store)
    return yield* Effect.match(catching(RepositoryError, () => verifyKeys(kernel, objects, pin)), {
      onSuccess: ({ problems }) => problems,
      onFailure: (error) => [error, ...objects.damaged],
    })
  },
  (check) => Effect.catchTag(check, "RepositoryError", (error) => Effect.succeed([error])),
  Effect.fnUntraced(function* (check) {
    const problems = yield* check
    if (problems.length === 0) return problems
    const again = yield* Effect.provideService(check, Afresh, true)
    if (again.length === 0) (yield* OnSecondRead)("KEYS/")
    return again
  }),
)

/** Writes the records of epochs that are lost. Only an owner can do it; for all others it does nothing. */
export const mendEpochs: (
  store: ObjectStore,
  opening: Opening,
  objects?: KeyObjects,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* (store, { keyring, secrets }, known) {
  if (secrets === undefined) return
  const { epochs } = known ?? (yield* readAllKeys(store))
  const there = new Set(epochs.map(({ hash }) => hash))
  for (const { bytes, object } of (yield* encodeEpochs(keyring, secrets)).epochs) {
    if (!there.has(decodeEpoch(object, bytes).hash)) yield* store.put(object, [bytes], { replace: true })
  }
})
