/** Finds roots that nothing points to any more. SPEC.md, "Rebuilding". */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { NONCE_BYTES } from "../../stages/encrypt/aead.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { RebuildSummary, SnapshotInfo } from "../repository.ts"
import { BLOCK_BYTES, type Bptr } from "./bptr.ts"
import { check } from "./check.ts"
import { isKind, OVERHEAD } from "./envelope.ts"
import { isDamage } from "./errors.ts"
import { blockHash, BLOCKS } from "./layout.ts"
import { type Opened, readerOf } from "./opened.ts"
import { decodeRootBlock, pointTo, readRoot, type Root } from "./snapshot.ts"
import { readConfig, writeConfig } from "./config.ts"

/** Reads the start of every block: those of roots say so. */
export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = Effect.fnUntraced(
  function* (opened) {
    const { id, keys, name, store } = opened
    const said = yield* readConfig(store, keys, name).pipe(
      Effect.catchTag(
        "RepositoryError",
        (error) => error.reason === "newer" ? Effect.fail(error) : Effect.succeed(undefined),
      ),
    )
    if (said === undefined) yield* writeConfig(store, keys, { id, listing: opened.listing, name }, true)
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
    for (const { bptr, info } of found) {
      const there = yield* readRoot(opened, bytesToHex(bptr.hash)).pipe(
        Effect.as(true),
        Effect.catchTag("RepositoryError", () => Effect.succeed(false)),
      )
      if (there) continue
      yield* pointTo(opened, bptr)
      snapshots.push(info)
    }
    const { findings } = yield* check(opened, { readData: 0 })
    return { snapshots: snapshots.sort((a, b) => a.time - b.time), packsIndexed: 0, findings }
  },
)

/** The root in a block, when there is one. A damaged one is for `check` to report. */
const findRoot = Effect.fnUntraced(function* (opened: Opened, name: string, bptr: Bptr) {
  const none = (error: FormatError): Effect.Effect<undefined, FormatError> =>
    isDamage(error) || error._tag === "RepositoryError" ? Effect.succeed(undefined) : Effect.fail(error)
  const nonce = yield* Effect.catch(opened.store.get(name, { offset: 0, length: NONCE_BYTES }), none)
  if (nonce === undefined || !isKind(opened.keys, "root", nonce)) return undefined
  return yield* readerOf(opened).get(bptr).pipe(
    Effect.flatMap((envelope) => catching(RepositoryError, () => decodeRootBlock(opened, bptr, envelope))),
    Effect.catch((error): Effect.Effect<Root | undefined, FormatError> => none(error)),
  )
})
