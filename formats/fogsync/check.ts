/** Verifies a share. SPEC.md, "Checking and rebuilding". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { Damage } from "../../stages/store/damage.ts"
import { isThere } from "../../stages/store/absent.ts"
import { chooseData, type ReadData } from "../data_subset.ts"
import type { FormatError } from "../error.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import { addressKey, type Bptr, refFromChunks } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { readConfig } from "./config.ts"
import { OVERHEAD } from "./envelope.ts"
import { isDamage } from "./errors.ts"
import { readForgotten } from "./forgotten.ts"
import { isKind } from "./kinds.ts"
import { BLOCK_BYTES, blockHash, blockObject, BLOCKS, rootObject, ROOTS, SHARE } from "./layout.ts"
import type { Listed } from "./listing.ts"
import { walkRoot } from "./listing_read.ts"
import { type Opened, readerOf } from "./opened.ts"
import { listRoots, readRootAt, type Root } from "./snapshot.ts"

/** In the index of blocks: a block that is there, and one that is damaged. */
const GOOD = 0
const BAD = 1

/**
 * Verifies the structure: reads all roots, all listings and the lists of all files, and sees that every block that they
 * name is there. The blocks that `readData` chooses are read and compared with their names. Nothing else can be wrong
 * with a block.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = Effect
  .fnUntraced(function* (opened, { only, progress, readData }) {
    const findings = new Damage()
    const config = yield* readConfig(opened.store, opened.keys, opened.name).pipe(
      Effect.catchIf(isFinding, (cause) => Effect.succeed({ message: cause.message, cause })),
    )
    if (config === undefined || "message" in config) {
      findings.add(SHARE, `${config?.message ?? `${SHARE} is missing`}; "penstock rebuild" makes it again`, config)
    }
    // A run stores blocks before its root. So blocks are listed after the roots: then those of each root are there.
    const { damaged, roots } = yield* listRoots(opened)
    const blocks = yield* checkBlocks(opened, findings, readData, progress)
    for (const error of damaged) findings.addError(error, ROOTS)
    const { damaged: markers, forgotten } = yield* readForgotten(opened)
    for (const error of markers) findings.addError(error, ROOTS)
    const ids = new Set([...roots.map(({ info }) => info.id), ...forgotten])
    const reported = new Set(damaged.map(({ object }) => object))
    for (const { info: { parent } } of roots) {
      if (parent === undefined || ids.has(parent) || reported.has(rootObject(parent))) continue
      if (reported.has(blockObject(hexToBytes(parent)))) continue
      findings.add(rootObject(parent), `${rootObject(parent)} is missing; "penstock rebuild" looks for its root`)
    }
    for (const id of yield* unpointedRoots(opened, blocks.roots, ids)) {
      const name = rootObject(id)
      findings.add(
        name,
        `${name} is missing, and its root is there: unless its backup is still running, ` +
          `"penstock rebuild" makes it again`,
      )
    }
    const reader = readerOf(opened)
    const whole = new ChunkIndex()
    const chosen = only === undefined ? roots : roots.filter(({ info }) => only(info))
    for (const root of chosen) yield* checkRoot(reader, root, findings, blocks.present, whole)
    return {
      snapshots: chosen.length,
      packs: blocks.count,
      chunks: blocks.count,
      bytesRead: blocks.bytesRead,
      findings: findings.findings,
    }
  })

/** Whether a single object is to blame for an error. */
const isFinding = (error: FormatError): boolean =>
  isDamage(error) || (error._tag === "RepositoryError" && error.reason === "wrong-key")

/** The IDs of the roots among these blocks that no object points to, but for those that are `known`. */
const unpointedRoots = Effect.fnUntraced(function* (
  opened: Opened,
  found: ReadonlyArray<Bptr>,
  known: ReadonlySet<string>,
) {
  const lost: Array<string> = []
  for (const bptr of found) {
    const id = bytesToHex(bptr.hash)
    // A run may have committed since the roots were listed.
    if (known.has(id) || (yield* isThere(opened.store, rootObject(id)))) continue
    const root = yield* readRootAt(opened, bptr).pipe(
      Effect.catchTag("RepositoryError", () => Effect.succeed(undefined)),
    )
    if (root !== undefined) lost.push(id)
  }
  return lost
})

/** Lists all blocks, which takes 16 to 32 bytes of memory for each, and reads a share of them. */
const checkBlocks = Effect.fnUntraced(function* (
  opened: Opened,
  findings: Damage,
  readData: ReadData,
  progress: CheckOptions["progress"],
) {
  const { store } = opened
  const present = new ChunkIndex()
  let count = 0
  let bytes = 0
  yield* Stream.runForEachArray(store.list(BLOCKS), (objects) =>
    Effect.sync(() => {
      for (const { name, size } of objects) {
        const hash = blockHash(name)
        if (hash === undefined) continue
        count++
        bytes += size
        present.set(hash, GOOD)
        if (size > BLOCK_BYTES) findings.add(name, `${name} is longer than a block`)
      }
    }))
  /** Those of the blocks read that have the nonce of a root. */
  const roots: Array<Bptr> = []
  let bytesRead = 0
  let done = 0
  if (readData !== 0) {
    const chosen = chooseData(readData, { count, bytes })
    // A reader of its own: the one for listings does not read blocks that it keeps in memory.
    const reader = readerOf(opened)
    yield* store.list(BLOCKS).pipe(
      Stream.filter(({ name, size }) => blockHash(name) !== undefined && size > 0 && chosen(name)),
      Stream.mapEffect(({ name, size }) => {
        const hash = blockHash(name)!
        const bptr: Bptr = { hash, start: 0, end: Math.min(size, BLOCK_BYTES), depth: 0 }
        return reader.get(bptr).pipe(
          Effect.matchEffect({
            onSuccess: (bytes) =>
              Effect.sync(() => {
                if (size >= OVERHEAD && isKind(opened.keys, "root", bytes)) roots.push(bptr)
                return size
              }),
            onFailure: (error) => {
              if (!isDamage(error)) return Effect.fail(error)
              present.set(hash, BAD)
              findings.addError(error, name)
              return Effect.succeed(0)
            },
          }),
        )
      }, { concurrency: requestsAtOnce(store) }),
      Stream.runForEach((bytes) =>
        Effect.sync(() => {
          bytesRead += bytes
          progress?.({ done: ++done, total: count })
        })
      ),
    )
  }
  progress?.({ done: count, total: count })
  return { present, count, bytesRead, roots }
})

/**
 * Adds to the findings what cannot be restored of a snapshot. `whole` holds the addresses of files of many blocks that
 * were found whole before.
 */
const checkRoot = Effect.fnUntraced(function* (
  reader: BlockReader,
  root: Root,
  findings: Damage,
  present: ChunkIndex,
  whole: ChunkIndex,
) {
  const snapshot = root.info.id
  const lose = (object: string | undefined, message: string, path: string, cause?: unknown): void => {
    findings.add(object ?? rootObject(snapshot), message, cause)
    findings.addFile(object ?? rootObject(snapshot), snapshot, path, message)
  }
  const loseBy = (error: FormatError, path: string): void => lose(error.object, error.message, path, error)
  yield* walkRoot(reader, root, { lost: ({ path }, error) => loseBy(error, path) }).pipe(
    Stream.filter(({ chunks }) => chunks.length > 0),
    Stream.runForEach(({ chunks, path, size }: Listed) => {
      const { bptr } = refFromChunks(chunks, size)!
      const key = bptr.depth === 0 ? undefined : addressKey(bptr)
      if (key !== undefined && whole.get(key) !== undefined) return Effect.void
      return firstBadBlock(reader, bptr, present).pipe(
        Effect.map((bad) => {
          if (bad === undefined) {
            if (key !== undefined) whole.claim(key)
            return
          }
          const object = blockObject(bad)
          lose(object, `${object} is missing`, path)
        }),
        Effect.catch((error) => isDamage(error) ? Effect.sync(() => loseBy(error, path)) : Effect.fail(error)),
      )
    }),
    Effect.catch((error) => isDamage(error) ? Effect.sync(() => loseBy(error, "")) : Effect.fail(error)),
  )
})

/** The hash of a block of a file that is missing or damaged; undefined when all are good. */
const firstBadBlock = (
  reader: BlockReader,
  bptr: Bptr,
  present: ChunkIndex,
): Effect.Effect<Uint8Array | undefined, FormatError> => {
  if (bptr.depth === 0) return Effect.succeed(present.get(bptr.hash) === GOOD ? undefined : bptr.hash)
  return Effect.map(
    Stream.runCollect(Stream.take(Stream.filter(reader.blockHashes(bptr), (hash) => present.get(hash) !== GOOD), 1)),
    ([hash]) => hash,
  )
}
