/** Makes FOGSYNC and the pointers to roots again. SPEC.md, "Checking and rebuilding". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { NONCE_BYTES } from "../../stages/encrypt/aead.ts"
import type { FormatError } from "../error.ts"
import type { RebuildSummary, SnapshotInfo } from "../repository.ts"
import type { Bptr } from "./bptr.ts"
import { check } from "./check.ts"
import { readConfig, writeConfig } from "./config.ts"
import { OVERHEAD } from "./envelope.ts"
import { isDamage } from "./errors.ts"
import { readForgotten } from "./forgotten.ts"
import { isKind } from "./kinds.ts"
import { BLOCK_BYTES, blockHash, BLOCKS, SHARE } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { pointTo, readRoot, readRootAt, type Root } from "./snapshot.ts"

/** Reads the beginning of every block, which shows the blocks that hold roots. */
export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = Effect.fnUntraced(
  function* (opened) {
    const { id, keys, name, store } = opened
    const config = yield* readConfig(store, keys, name).pipe(
      Effect.catchTag(
        "RepositoryError",
        (error) => error.reason === "newer" ? Effect.fail(error) : Effect.succeed(undefined),
      ),
    )
    if (config === undefined) yield* writeConfig(store, keys, { id, listing: opened.listing, name }, true)
    const found = yield* Stream.runCollect(
      store.list(BLOCKS).pipe(
        Stream.filter(({ name, size }) => blockHash(name) !== undefined && size >= OVERHEAD && size <= BLOCK_BYTES),
        Stream.mapEffect(
          ({ name, size }) => findRoot(opened, name, { hash: blockHash(name)!, start: 0, end: size, depth: 0 }),
          { concurrency: requestsAtOnce(store) },
        ),
        Stream.filter((root) => root !== undefined),
      ),
    )
    const snapshots: Array<SnapshotInfo> = []
    const { forgotten } = yield* readForgotten(opened)
    for (const { bptr, info } of found) {
      if (forgotten.has(info.id)) continue
      const isPointedTo = yield* readRoot(opened, bytesToHex(bptr.hash)).pipe(
        Effect.as(true),
        Effect.catchTag("RepositoryError", () => Effect.succeed(false)),
      )
      if (isPointedTo) continue
      yield* pointTo(opened, bptr)
      snapshots.push(info)
    }
    const { findings } = yield* check(opened, { readData: 0 })
    return {
      snapshots: snapshots.sort((a, b) => a.time - b.time),
      packsIndexed: 0,
      rebuiltObjects: config === undefined ? [SHARE] : [],
      ...(config === undefined ? { objects: [SHARE] } : {}),
      findings,
    }
  },
)

/** The root in a block; undefined when there is none, or it is damaged, which is for `check` to report. */
const findRoot = Effect.fnUntraced(function* (opened: Opened, name: string, bptr: Bptr) {
  const none = (error: FormatError): Effect.Effect<undefined, FormatError> =>
    isDamage(error) || error._tag === "RepositoryError" ? Effect.succeed(undefined) : Effect.fail(error)
  const nonce = yield* Effect.catch(opened.store.get(name, { offset: 0, length: NONCE_BYTES }), none)
  if (nonce === undefined || !isKind(opened.keys, "root", nonce)) return undefined
  return yield* Effect.catch(
    readRootAt(opened, bptr),
    (error): Effect.Effect<Root | undefined, FormatError> => none(error),
  )
})
