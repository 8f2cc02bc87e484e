/** Verifies a share. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { Damage } from "../../stages/store/damage.ts"
import { isThere } from "../../stages/store/absent.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { addressKey, BLOCK_BYTES, type Bptr, refFromChunks } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { isKind, OVERHEAD } from "./envelope.ts"
import { isDamage } from "./errors.ts"
import type { Listed } from "./json_listing.ts"
import { blockHash, blockObject, BLOCKS, rootObject, ROOTS, SHARE } from "./layout.ts"
import { type Opened, readerOf } from "./opened.ts"
import { walkRoot } from "./read.ts"
import { decodeRootBlock, listRoots, type Root } from "./snapshot.ts"
import { readConfig } from "./config.ts"

/** What is known of a block. */
const GOOD = 0
const BAD = 1

/**
 * Structure: all roots and listings are read, and the lists of all files; every block that they name must be there.
 * With `readData` that share of the blocks, chosen at random, is read and compared with their names, which is all that
 * a block can be wrong in.
 */
export const check: (opened: Opened, options: CheckOptions) => Effect.Effect<CheckSummary, FormatError> = Effect
  .fnUntraced(function* (opened, { only, progress, readData }) {
    const findings = new Damage()
    const share = yield* readConfig(opened.store, opened.keys, opened.name).pipe(
      Effect.catchIf(isFinding, (cause) => Effect.succeed({ message: cause.message, cause })),
    )
    if (share === undefined || "message" in share) {
      findings.add(SHARE, `${share?.message ?? `${SHARE} is missing`}; "penstock rebuild" makes it again`, share)
    }
    // What snapshots need is there before them: it is listed after them.
    const { damaged, roots } = yield* listRoots(opened)
    const blocks = yield* checkBlocks(opened, findings, readData, progress)
    for (const error of damaged) findings.addError(error, ROOTS)
    const ids = new Set(roots.map(({ info }) => info.id))
    const named = new Set(damaged.map(({ object }) => object))
    for (const { info: { parent } } of roots) {
      if (parent === undefined || ids.has(parent) || named.has(rootObject(parent))) continue
      if (named.has(blockObject(hexToBytes(parent)))) continue
      findings.add(rootObject(parent), `${rootObject(parent)} is missing; "penstock rebuild" looks for its root`)
    }
    for (const { info } of yield* unpointed(opened, blocks.roots, roots)) {
      const name = rootObject(info.id)
      findings.add(
        name,
        `${name} is missing, and its root is there: unless its backup is still running, "penstock rebuild" points to it again`,
      )
    }
    const reader = readerOf(opened)
    const whole = new ChunkIndex()
    const chosen = only === undefined ? roots : roots.filter(({ info }) => only(info))
    for (const root of chosen) yield* checkRoot(reader, root, findings, blocks.known, whole)
    return {
      snapshots: chosen.length,
      packs: blocks.count,
      chunks: blocks.count,
      bytesRead: blocks.bytesRead,
      findings: findings.findings,
    }
  })

/** What one object is to blame for. */
const isFinding = (error: FormatError): boolean =>
  isDamage(error) || (error._tag === "RepositoryError" && error.reason === "wrong-key")

/** Roots that nothing points to. */
const unpointed = Effect.fnUntraced(function* (
  opened: Opened,
  found: ReadonlyArray<Bptr>,
  listed: ReadonlyArray<Root>,
) {
  const lost: Array<Root> = []
  for (const bptr of found) {
    const id = bytesToHex(bptr.hash)
    // A run may have ended since the roots were listed.
    if (listed.some(({ info }) => info.id === id) || (yield* isThere(opened.store, rootObject(id)))) continue
    const root = yield* readerOf(opened).get(bptr).pipe(
      Effect.flatMap((envelope) => catching(RepositoryError, () => decodeRootBlock(opened, bptr, envelope))),
      Effect.catchTag("RepositoryError", () => Effect.succeed(undefined)),
    )
    if (root === undefined) continue
    lost.push(root)
  }
  return lost
})

/** All blocks, and what is known of them. 16 to 32 bytes of memory each. */
const checkBlocks = Effect.fnUntraced(function* (
  opened: Opened,
  findings: Damage,
  readData: number,
  progress: CheckOptions["progress"],
) {
  const { store } = opened
  const known = new ChunkIndex()
  let count = 0
  yield* Stream.runForEachArray(store.list(BLOCKS), (objects) =>
    Effect.sync(() => {
      for (const { name, size } of objects) {
        const hash = blockHash(name)
        if (hash === undefined) continue
        count++
        known.set(hash, GOOD)
        if (size > BLOCK_BYTES) findings.add(name, `${name} is longer than a block`)
      }
    }))
  /** Blocks that say that they are roots, as far as they are read. */
  const roots: Array<Bptr> = []
  let bytesRead = 0
  let done = 0
  if (readData > 0) {
    // Not the reader that is used for listings: what it remembers it does not read.
    const reader = readerOf(opened)
    yield* store.list(BLOCKS).pipe(
      Stream.filter(({ name, size }) =>
        blockHash(name) !== undefined && size > 0 && (readData >= 100 || Math.random() * 100 < readData)
      ),
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
              known.set(hash, BAD)
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
  return { known, count, bytesRead, roots }
})

/** Adds what of a snapshot cannot be restored. */
const checkRoot = Effect.fnUntraced(function* (
  reader: BlockReader,
  root: Root,
  findings: Damage,
  known: ChunkIndex,
  /** Files of many blocks that are whole, by their addresses. */
  whole: ChunkIndex,
) {
  const snapshot = root.info.id
  const lose = (object: string | undefined, message: string, path: string, cause?: unknown): void => {
    findings.add(object ?? rootObject(snapshot), message, cause)
    findings.addFile(object ?? rootObject(snapshot), snapshot, path, message)
  }
  const objectOf = (error: FormatError): string | undefined => error.object
  yield* walkRoot(reader, root, { lost: ({ path }, error) => lose(objectOf(error), error.message, path, error) }).pipe(
    Stream.filter(({ chunks }) => chunks.length > 0),
    Stream.runForEach(({ chunks, path, size }: Listed) => {
      const { bptr } = refFromChunks(chunks, size)!
      const key = bptr.depth === 0 ? undefined : addressKey(bptr)
      if (key !== undefined && whole.get(key) !== undefined) return Effect.void
      return firstBad(reader, bptr, known).pipe(
        Effect.map((bad) => {
          if (bad === undefined) {
            if (key !== undefined) whole.claim(key)
            return
          }
          const object = blockObject(bad)
          lose(object, `${object} is missing`, path)
        }),
        Effect.catch((error) =>
          isDamage(error) ? Effect.sync(() => lose(objectOf(error), error.message, path, error)) : Effect.fail(error)
        ),
      )
    }),
    Effect.catch((error) =>
      isDamage(error) ? Effect.sync(() => lose(objectOf(error), error.message, "", error)) : Effect.fail(error)
    ),
  )
})

/** A block of a file that is not there, or not good. */
const firstBad = (
  reader: BlockReader,
  bptr: Bptr,
  known: ChunkIndex,
): Effect.Effect<Uint8Array | undefined, FormatError> => {
  if (bptr.depth === 0) return Effect.succeed(known.get(bptr.hash) === GOOD ? undefined : bptr.hash)
  return Effect.map(
    Stream.runCollect(Stream.take(Stream.filter(reader.blocks(bptr), (hash) => known.get(hash) !== GOOD), 1)),
    ([hash]) => hash,
  )
}
