/**
 * The last stage of a backup: stores a SQLite database with every entry of the snapshot and its chunks. And its
 * inverse, the first stage of a restore.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../kernel/catching.ts"
import { type Cipher, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import type { Packed } from "../pack/pack.ts"
import type { Steps } from "../plan/plan.ts"
import type { Stored } from "../plan/stored.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { startDecryption, startEncryption } from "./encrypted.ts"
import { record, type Recorded } from "./record.ts"
import { paged } from "./sqlite/paged.ts"
import { SqliteEngine, SqliteError } from "./sqlite/sqlite.ts"
import { openTree } from "./tree/tree.ts"

/** Where and how a catalog is stored. */
export interface Cataloging {
  /** The kind of catalog, for messages. */
  readonly name: string
  /** Name of the snapshot. Its object is `catalogs/<name>.sqlite`. Default: the time and random digits. */
  readonly snapshot?: string
  /**
   * Encrypts the catalog. Without it, any SQLite program opens the catalog, and whoever can read the store can read the
   * names of all files.
   */
  readonly seal?: KernelSpec<"encrypt">
}

/**
 * A catalog as a SQLite database. Its table `entry` has a row for each entry.
 *
 * @example Store an encrypted catalog
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Redacted, Stream } from "effect"
 * import { aes256gcm, blake3, catalog, chunk, entries, fastcdc, hash, memorySourceLayer } from "@penstock/penstock"
 * import { pack, packs, sqlite, sqliteWasm, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const cataloging = sqlite({ seal: aes256gcm(Redacted.make(new Uint8Array(32))) })
 * const program = Effect.gen(function* () {
 *   const snapshot = yield* walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(cataloging))
 *   return yield* Stream.runCollect(entries(snapshot, cataloging))
 * })
 * const source = memorySourceLayer({ "a.txt": { content: "Hello" } })
 * const found = await Effect.runPromise(Effect.provide(program, [memoryStore.layer, sqliteWasm, source]))
 * assert.deepEqual(found.map(({ path }) => path), ["", "a.txt"])
 * ```
 */
export const sqlite = (options: Omit<Cataloging, "name"> = {}): Cataloging => ({ name: "sqlite", ...options })

/** A snapshot that was stored. `S`: the stages that its contents went through. */
export interface Snapshot<out S extends Steps = Steps> extends Recorded {
  /** Its name, which `entries` takes. */
  readonly name: string
  /** When it was complete, in milliseconds since 1970. */
  readonly time: number
  /** For the type checker only. */
  readonly steps?: S
}

/** What can go wrong with a catalog. */
export type CatalogError = StoreError | SqliteError | KernelError

/** How many bytes of the database are read or written at once. */
const PIECE_BYTES = 1 << 20
const objectOf = (snapshot: string): string => `catalogs/${snapshot}.sqlite`

/**
 * Writes the catalog of all entries of the stream after the last has come. This completes the snapshot. Fails with
 * {@link CatalogError}, and as the stream does.
 *
 * @example Back up a tree in memory
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { blake3, catalog, chunk, fastcdc, hash, memorySourceLayer } from "@penstock/penstock"
 * import { pack, packs, sqlite, sqliteWasm, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const backup = walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite()))
 * const source = memorySourceLayer({ "a.txt": { content: "Hello" } })
 * const { bytes, files } = await Effect.runPromise(Effect.provide(backup, [memoryStore.layer, sqliteWasm, source]))
 * assert.deepEqual([files, bytes], [1, 5])
 * ```
 */
export const catalog = (cataloging: Cataloging): {
  <S extends Steps, E, R>(
    self: Stream.Stream<Packed<S>, E, R>,
  ): Effect.Effect<Snapshot<S>, E | CatalogError, R | ObjectStore | SqliteEngine>
} =>
(self) =>
  Effect.scoped(Effect.gen(function* () {
    const store = yield* ObjectStore
    const db = yield* (yield* SqliteEngine).open()
    const recorded = yield* record(self, yield* catching(SqliteError, () => openTree(db)))
    const time = yield* Clock.currentTimeMillis
    const name = cataloging.snapshot ?? freshName(time)
    const cipher = cataloging.seal === undefined ? undefined : makeKernel(cataloging.seal, yield* Kernels)
    const encryption = cipher === undefined ? undefined : startEncryption(cipher, name)
    const writer = yield* store.create(objectOf(name))
    const append = (encrypt: () => ReadonlyArray<Uint8Array>) =>
      Effect.flatMap(
        catching(KernelError, encrypt),
        (pieces) => Effect.forEach(pieces, writer.append, { discard: true }),
      )
    yield* Stream.runForEach(
      db.bytes(PIECE_BYTES),
      (piece) => encryption === undefined ? writer.append(piece) : append(() => encryption.push(piece)),
    )
    if (encryption !== undefined) yield* append(() => encryption.end())
    yield* writer.commit
    return { ...recorded, name, time }
  }))

/**
 * The inverse of {@link catalog}: the entries of a snapshot, depth-first. Give the same `cataloging` that it was
 * written with. Fails with {@link CatalogError}; with the reason `not-found` of a StoreError when there is no such
 * snapshot.
 *
 * @example List a snapshot
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, catalog, chunk, entries, fastcdc, hash, memorySourceLayer } from "@penstock/penstock"
 * import { pack, packs, sqlite, sqliteWasm, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const program = Effect.gen(function* () {
 *   const { name } = yield* walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite()))
 *   return yield* Stream.runCollect(entries(name))
 * })
 * const source = memorySourceLayer({ "a.txt": { content: "Hello" } })
 * const found = await Effect.runPromise(Effect.provide(program, [memoryStore.layer, sqliteWasm, source]))
 * assert.deepEqual(found.map(({ path, size }) => [path, size]), [["", 0], ["a.txt", 5]])
 * ```
 */
export const entries = (
  snapshot: { readonly name: string } | string,
  cataloging: Cataloging = sqlite(),
): Stream.Stream<Stored, CatalogError, ObjectStore | SqliteEngine> => {
  const name = typeof snapshot === "string" ? snapshot : snapshot.name
  return Stream.unwrap(Effect.gen(function* () {
    const store = yield* ObjectStore
    const cipher = cataloging.seal === undefined ? undefined : makeKernel(cataloging.seal, yield* Kernels)
    const db = yield* (yield* SqliteEngine).open(databaseBytes(store, name, cipher))
    const tree = yield* catching(SqliteError, () => openTree(db))
    return Stream.map(paged(() => tree.entries()), (entry) => ({ ...entry, reused: false }))
  }))
}

const freshName = (time: number): string =>
  `${DateTime.formatIso(DateTime.makeUnsafe(time)).replaceAll(/[:.]/g, "-")}-${
    bytesToHex(crypto.getRandomValues(new Uint8Array(4)))
  }`

/** The bytes of the database file. */
const databaseBytes = (
  store: ObjectStore,
  name: string,
  cipher: Cipher | undefined,
): Stream.Stream<Uint8Array, StoreError | KernelError> =>
  Stream.unwrap(Effect.map(store.stat(objectOf(name)), ({ size }) => {
    const pieces = Stream.paginate(0, (offset: number) => {
      const length = Math.min(PIECE_BYTES, size - offset)
      const next = offset + length < size ? Option.some(offset + length) : Option.none<number>()
      return Effect.map(store.get(objectOf(name), { offset, length }), (bytes) => [[bytes], next] as const)
    })
    if (cipher === undefined) return pieces
    const decryption = startDecryption(cipher, name)
    return pieces.pipe(
      Stream.mapEffect((piece) => catching(KernelError, () => decryption.push(piece))),
      Stream.concat(Stream.fromEffect(catching(KernelError, () => decryption.end()))),
      Stream.flattenIterable,
    )
  }))
