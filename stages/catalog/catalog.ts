/**
 * The last stage: a SQLite database that lists every entry of the snapshot and its chunks, in the store; and its
 * inverse.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../kernel/catching.ts"
import { frames, type Transform, unframes } from "../kernel/frames.ts"
import type { Stored } from "../plan/stored.ts"
import { type Cipher, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import type { Packed } from "../pack/pack.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import type { Steps } from "../plan/plan.ts"
import { paged } from "./sqlite/paged.ts"
import { record, type Recorded } from "./record.ts"
import { SqliteEngine, SqliteError } from "./sqlite/sqlite.ts"
import { openTree } from "./tree/tree.ts"

/** Where and how a catalog is stored. */
export interface Cataloging {
  /** Its name in the store, by which `entries` finds it. */
  readonly name: string
  /**
   * Name of the snapshot, that of its object is `catalogs/<name>.sqlite`; by default the time and some random digits.
   */
  readonly snapshot?: string
  /** Encrypts it, frame by frame. Without, any SQLite program opens it, and whoever reads the store reads all names. */
  readonly seal?: KernelSpec<"encrypt">
}

/** A catalog in SQLite. The table `entry` has a row for each entry. */
export const sqlite = (options: Omit<Cataloging, "name"> = {}): Cataloging => ({ name: "sqlite", ...options })

/** A snapshot that was stored. */
export interface Snapshot<out S extends Steps = Steps> extends Recorded {
  /** Give it to `entries`. */
  readonly name: string
  /** Milliseconds since 1970 at which it was complete. */
  readonly time: number
  /** For the type checker only. */
  readonly steps?: S
}

/** What may go wrong with a catalog. */
export type CatalogError = StoreError | SqliteError | KernelError

const PIECE_BYTES = 1 << 20
const objectOf = (snapshot: string): string => `catalogs/${snapshot}.sqlite`

/** Writes the catalog of all that comes, when all has come: this makes it a snapshot. */
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
    const transform = cipher === undefined ? undefined : sealing(cipher, name)
    const writer = yield* store.create(objectOf(name))
    const append = (pieces: ReadonlyArray<Uint8Array>) => Effect.forEach(pieces, writer.append, { discard: true })
    yield* Stream.runForEach(db.bytes(PIECE_BYTES), (piece) =>
      transform === undefined ? writer.append(piece) : Effect.flatMap(
        catching(KernelError, () =>
          transform.push(piece)),
        append,
      ))
    if (transform !== undefined) {
      yield* Effect.flatMap(
        catching(KernelError, () =>
          transform.end()),
        append,
      )
    }
    yield* writer.commit
    return { ...recorded, name, time }
  }))

/** The inverse of `catalog`: the entries of a snapshot, depth-first. `cataloging` as it was written. */
export const entries = (
  snapshot: { readonly name: string } | string,
  cataloging: Cataloging = sqlite(),
): Stream.Stream<Stored, CatalogError, ObjectStore | SqliteEngine> => {
  const name = typeof snapshot === "string" ? snapshot : snapshot.name
  return Stream.unwrap(Effect.gen(function* () {
    const store = yield* ObjectStore
    const cipher = cataloging.seal === undefined ? undefined : makeKernel(cataloging.seal, yield* Kernels)
    const db = yield* (yield* SqliteEngine).open(opened(store, name, cipher))
    const tree = yield* catching(SqliteError, () => openTree(db))
    return Stream.map(paged(() => tree.entries()), (entry) => ({ ...entry, reused: false }))
  }))
}

/** The names of the snapshots in the store, sorted. */
export const snapshotNames: Effect.Effect<ReadonlyArray<string>, StoreError, ObjectStore> = Effect.flatMap(
  ObjectStore,
  (store) =>
    Effect.map(
      Stream.runCollect(store.list("catalogs/")),
      (objects) =>
        objects.flatMap(({ name }) =>
          name.endsWith(".sqlite") ? [name.slice("catalogs/".length, -".sqlite".length)] : []
        ).sort(),
    ),
)

const freshName = (time: number): string =>
  `${DateTime.formatIso(DateTime.makeUnsafe(time)).replaceAll(/[:.]/g, "-")}-${
    bytesToHex(crypto.getRandomValues(new Uint8Array(4)))
  }`

/** The database file, piece by piece. */
const opened = (
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
    const transform = opening(cipher, name)
    return Stream.flattenIterable(
      Stream.mapEffect(pieces, (piece) => catching(KernelError, () => transform.push(piece))),
    ).pipe(
      Stream.concat(
        Stream.flattenIterable(Stream.fromEffect(Effect.suspend(() => catching(KernelError, () => transform.end())))),
      ),
    )
  }))

/** Additional data of frame `n`: frames cannot be reordered or moved to another catalog. */
const context = (name: string, n: number): Uint8Array => new TextEncoder().encode(`penstock catalog ${name} ${n}`)

/** Sealed frames, each beginning with 0, and a last one that is just 1: what is cut off is missed. */
const sealing = (cipher: Cipher, name: string): Transform => {
  let n = 0
  const seal = (flag: number, bytes: Uint8Array): Uint8Array => {
    const plain = new Uint8Array(1 + bytes.length)
    plain[0] = flag
    plain.set(bytes, 1)
    return cipher.seal(plain, context(name, n++))
  }
  const inner = frames("catalog", (frame) => seal(0, frame))
  return {
    push: inner.push,
    end: () => {
      const rest = inner.end()
      const last = seal(1, new Uint8Array(0))
      const head = new Uint8Array(4)
      new DataView(head.buffer).setUint32(0, last.length, true)
      return [...rest.slice(0, -1), head, last, rest.at(-1)!]
    },
  }
}

const opening = (cipher: Cipher, name: string): Transform => {
  let n = 0
  let ended = false
  const corrupt = (message: string) => new KernelError({ kernel: "catalog", reason: "corrupt", message })
  const inner = unframes("catalog", (frame) => {
    const plain = cipher.open(frame, context(name, n++))
    if (ended) throw corrupt(`The catalog ${name} has more after its end`)
    if (plain[0] === 1) ended = true
    return plain.subarray(1)
  })
  return {
    push: inner.push,
    end: () => {
      const rest = inner.end()
      if (!ended) throw corrupt(`The catalog ${name} is truncated`)
      return rest
    },
  }
}
