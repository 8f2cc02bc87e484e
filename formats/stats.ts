/** How much snapshots of a repository hold, counted in three ways: restored, by different contents, and as stored. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { blake3 } from "../stages/hash/blake3.ts"
import { chunkCount, chunkId } from "../stages/hash/chunk_list.ts"
import { catching } from "../stages/kernel/catching.ts"
import { ID_BYTES, Kernels, makeKernel } from "../stages/kernel/kernel.ts"
import { ChunkIndex } from "../stages/pack/chunk_index.ts"
import { displayPath } from "../stages/walk/path.ts"
import { type FormatError, isDamage, RepositoryError } from "./error.ts"
import { eachPiece, type Pieces } from "./pieces.ts"
import type { Problem, Repository, SnapshotEntry, SnapshotInfo } from "./repository.ts"

/**
 * Called for what cannot be counted: with the path `""` for a snapshot that cannot be listed to its end. Without this
 * function, the first problem is a failure.
 */
export type StatsProblem = (problem: Problem, snapshot: SnapshotInfo) => void

/** What a restore of some snapshots makes. */
export interface RestoreSize {
  /** How many files: a file with two hard links is two. */
  readonly files: number
  /** How many directories. */
  readonly directories: number
  /** Symlinks, FIFOs, sockets and devices. */
  readonly others: number
  /** Bytes of the files. Hard links of one file in a snapshot count once. */
  readonly bytes: number
}

/**
 * What a restore of each of these snapshots makes, added up. Memory does not grow with them.
 *
 * @example A file with two hard links takes up space once
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { memorySource, ObjectStore, restoreSize, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const size = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("secret") })
 *   const file = { content: "12345" }
 *   yield* repository.backup(memorySource({ "a": file, "b": file }).entries("", {}), { paths: ["/home/me"] })
 *   return yield* restoreSize(repository, yield* repository.snapshots)
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = size.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * const { bytes, files } = await Effect.runPromise(program)
 * assert.deepEqual([files, bytes], [2, 5])
 * ```
 */
export const restoreSize: (
  repository: Repository,
  snapshots: ReadonlyArray<SnapshotInfo>,
  problem?: StatsProblem,
) => Effect.Effect<RestoreSize, FormatError> = Effect.fnUntraced(function* (repository, snapshots, problem) {
  const total = { files: 0, directories: 0, others: 0, bytes: 0 }
  yield* look(repository, snapshots, false, (entry) => {
    total[entry.kind === "file" ? "files" : entry.kind === "directory" ? "directories" : "others"] += 1
    const bytes = restoredBytes(entry)
    total.bytes += bytes ?? 0
    return bytes === undefined ? NO_SIZE : undefined
  }, problem)
  return total
})

/** What some snapshots have in different contents. */
export interface ContentsSize {
  /** How many different contents. */
  readonly files: number
  /** Bytes of these contents. */
  readonly bytes: number
}

/**
 * The different contents of the files of these snapshots, each counted once. Contents are told apart as `diff` does:
 * those that were cut into chunks differently count as different. Memory grows by 16 bytes for each content.
 *
 * @example The same content in two snapshots counts once
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { contentsSize, memorySource, ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const size = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("secret") })
 *   for (const name of ["before", "after"]) {
 *     const tree = { [name]: { content: "12345" }, "copy": { content: "12345" }, "other": { content: name } }
 *     yield* repository.backup(memorySource(tree).entries("", {}), { paths: ["/home/me"] })
 *   }
 *   return yield* contentsSize(repository, yield* repository.snapshots)
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = size.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), { files: 3, bytes: 5 + 6 + 5 })
 * ```
 */
export const contentsSize: (
  repository: Repository,
  snapshots: ReadonlyArray<SnapshotInfo>,
  problem?: StatsProblem,
) => Effect.Effect<ContentsSize, FormatError> = Effect.fnUntraced(function* (repository, snapshots, problem) {
  const hasher = makeKernel(blake3, yield* Kernels)
  const seen = new ChunkIndex()
  const total = { files: 0, bytes: 0 }
  let empty = false
  yield* look(repository, snapshots, true, (entry) => {
    if (entry.kind !== "file") return undefined
    const { chunks, contentId, size } = entry
    if (size === undefined) return NO_SIZE
    if (size === 0) {
      total.files += empty ? 0 : 1
      empty = true
      return undefined
    }
    const name = contentId ?? (chunks !== undefined && chunkCount(chunks) === 1 ? chunkId(chunks, 0) : chunks)
    if (name === undefined) return NO_PIECES
    // Only hashes are told apart by their first bytes; lists of several chunks are not.
    if (!seen.claim(name.length === ID_BYTES ? name : hasher.digest(name))) return undefined
    total.files += 1
    total.bytes += size
    return undefined
  }, problem)
  return total
})

/** What some snapshots take in the store. */
export interface StoredSize {
  /** Bytes of the files, as {@link RestoreSize} counts them. */
  readonly bytes: number
  /** Different chunks that the files consist of, or whole contents where a format shares only these. */
  readonly chunks: number
  /** Bytes of these chunks before compression. */
  readonly bytesUnique: number
  /** Bytes that they take in the store, without lists of files and indexes. A chunk has its share of its block. */
  readonly bytesStored: number
  /** How many of these chunks the store does not have, or does not tell of because of damage. */
  readonly lost: number
  /** What no other snapshot has. Absent without `others`, and when one of them cannot be counted. */
  readonly only?: Pick<StoredSize, "chunks" | "bytesUnique" | "bytesStored">
}

/** What {@link storedSize} looks at besides. */
export interface StoredSizeOptions {
  /** All other snapshots of the repository: given to learn what they do not have. */
  readonly others?: ReadonlyArray<SnapshotInfo> | undefined
  /** As {@link StatsProblem}. */
  readonly problem?: StatsProblem
}

/** What is known of a chunk, as bits. */
const OTHERS = 1
const COUNTED = 2

/**
 * What these snapshots take in the store: each chunk once, however many files have it. Fails with `unsupported` where a
 * format cannot tell. Memory grows by 16 bytes for each chunk.
 *
 * @example What would be freed without a snapshot?
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { memorySource, ObjectStore, rozen, storedSize } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const size = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("secret") })
 *   for (const content of ["first", "second"]) {
 *     const tree = { "kept": { content: "kept" }, "file": { content } }
 *     yield* repository.backup(memorySource(tree).entries("", {}), { paths: ["/home/me"], parent: "none" })
 *   }
 *   const [first, second] = yield* repository.snapshots
 *   return yield* storedSize(repository, [first!], { others: [second!] })
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = size.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * const { bytes, only } = await Effect.runPromise(program)
 * assert.deepEqual([bytes, only?.bytesUnique], [9, 5])
 * ```
 */
export const storedSize: (
  repository: Repository,
  snapshots: ReadonlyArray<SnapshotInfo>,
  options?: StoredSizeOptions,
) => Effect.Effect<StoredSize, FormatError> = Effect.fnUntraced(
  function* (repository, snapshots, { others, problem } = {}) {
    const { format, storedSizes } = repository
    if (storedSizes === undefined) {
      return yield* new RepositoryError({
        reason: "unsupported",
        message: `The format ${format} cannot tell how much of the store the contents of a snapshot take`,
      })
    }
    const known = new ChunkIndex()
    const all: Pieces = { pieces: 0, bytes: 0 }
    let bytes = 0
    yield* look(repository, snapshots, true, (entry) => {
      const told = eachPiece(entry, (id, length) => {
        if (known.get(id) !== undefined) return
        known.set(id, 0)
        all.pieces += 1
        all.bytes += length
      })
      const restored = restoredBytes(entry)
      bytes += restored ?? 0
      return restored === undefined ? NO_SIZE : told ? undefined : NO_PIECES
    }, problem)
    const own: Pieces = { ...all }
    let unknown = others === undefined
    const unknownOther: StatsProblem | undefined = problem && ((one, snapshot) => {
      unknown = true
      problem(one, snapshot)
    })
    yield* look(repository, others ?? [], true, (entry) => {
      const told = eachPiece(entry, (id, length) => {
        if (known.get(id) !== 0) return
        known.set(id, OTHERS)
        own.pieces -= 1
        own.bytes -= length
      })
      return told ? undefined : NO_PIECES
    }, unknownOther)
    const stored = { all: 0, own: 0, found: 0 }
    yield* storedSizes((id, size) => {
      const state = known.get(id)
      if (state === undefined || (state & COUNTED) !== 0) return
      known.set(id, state | COUNTED)
      stored.found += 1
      stored.all += size
      if ((state & OTHERS) === 0) stored.own += size
    })
    return {
      bytes,
      chunks: all.pieces,
      bytesUnique: all.bytes,
      bytesStored: Math.round(stored.all),
      lost: all.pieces - stored.found,
      ...(unknown ? {} : { only: { chunks: own.pieces, bytesUnique: own.bytes, bytesStored: Math.round(stored.own) } }),
    }
  },
)

const NO_SIZE = "Its size is not known: a part of its content is lost"
const NO_PIECES = "Neither its chunks nor a hash of its content are known"

/** The bytes that a restore of an entry writes, once for all hard links of a file. Undefined if nobody knows. */
const restoredBytes = ({ kind, linkTo, size }: SnapshotEntry): number | undefined =>
  kind === "file" && linkTo === undefined ? size : 0

/** Lists snapshots one after the other. `see` tells why an entry cannot be counted. */
const look = (
  repository: Repository,
  snapshots: ReadonlyArray<SnapshotInfo>,
  chunks: boolean,
  see: (entry: SnapshotEntry) => string | undefined,
  problem: StatsProblem | undefined,
): Effect.Effect<void, FormatError> =>
  Effect.forEach(snapshots, (snapshot) => {
    const entries = repository.entries(snapshot, {
      content: false,
      chunks,
      ...(problem === undefined ? {} : { problem: (one) => problem(one, snapshot) }),
    })
    const counted = Stream.runForEachArray(entries, (all) =>
      catching(RepositoryError, () => {
        for (const entry of all) {
          const message = see(entry)
          if (message !== undefined) tell({ path: entry.path, message }, snapshot, problem)
        }
      }))
    return problem === undefined ? counted : Effect.catchIf(
      counted,
      isDamage,
      ({ message }) => Effect.sync(() => problem({ path: "", message }, snapshot)),
    )
  }, { discard: true })

/** Tells of a problem. Throws it if nobody listens. */
const tell = (one: Problem, snapshot: SnapshotInfo, problem: StatsProblem | undefined): void => {
  if (problem !== undefined) return problem(one, snapshot)
  throw new RepositoryError({
    reason: "corrupt",
    message: `"${displayPath(one.path)}" of snapshot ${snapshot.id} cannot be counted. ${one.message}`,
  })
}
