/** Reads the objects of one area by their IDs, from files of their own and from packfiles. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { gzip } from "../../stages/compress/gzip.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { type Compressor, type Hasher, KernelError, makeKernel } from "../../stages/kernel/kernel.ts"
import { Recent } from "../../stages/memory/recent.ts"
import { OnOtherPack } from "../../stages/pack/other_packs.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { corrupt, isDamage } from "./errors.ts"
import type { IdTable } from "./id_table.ts"
import { type Area, parseName, singleName } from "./layout.ts"
import { FILE_BYTES, OBJECT_BYTES } from "./limits.ts"
import { ObjectIndex, SINGLE } from "./object_index.ts"
import type { Opened } from "./opened.ts"
import { compareIds, decodePack } from "./packfile.ts"

/** Deflate expands one byte to at most this many. */
const MAXIMUM_RATIO = 1032
/** Decompressed packfiles that are kept in memory, in bytes: a little more than a writer groups at once. */
const KEPT_BYTES = 40 << 20

/** What reading objects needs. */
type Access = Pick<Opened, "store" | "cipher" | "table">

/** Reads the objects of one area. The index must have been filled from a listing: see {@link openArea}. */
export class ObjectReader {
  readonly index: ObjectIndex
  /** The damage found so far. */
  readonly damaged: Array<RepositoryError>
  /** Stored bytes that were read. */
  bytesRead = 0

  readonly #access: Access
  readonly #hasher: Hasher
  readonly #gzip: Compressor
  readonly #kept = new Recent<number, Uint8Array>({ limit: KEPT_BYTES, bytesOf: ({ length }) => length })
  readonly #loading = Semaphore.makeUnsafe(1)

  constructor(access: Access, index: ObjectIndex, damaged: Array<RepositoryError>) {
    this.index = index
    this.damaged = damaged
    this.#access = access
    this.#hasher = makeKernel(sha256, access.table)
    this.#gzip = makeKernel(gzip(), access.table)
  }

  /**
   * The record of an object, or -1 if there is none. An unknown object is looked for in the packfiles that may hold it.
   */
  find(id: Uint8Array): Effect.Effect<number, StoreError> {
    return Effect.suspend(() => {
      const record = this.index.find(id)
      if (record >= 0 || this.index.candidates(id).length === 0) return Effect.succeed(record)
      return this.#loading.withPermits(1)(Effect.suspend(() => this.#load(this.index.candidates(id)))).pipe(
        Effect.map(() => this.index.find(id)),
      )
    })
  }

  /**
   * The record in `index.packed` of an object whose own file is damaged, or -1 if it is in no packfile. Reads the
   * packfiles that may hold it.
   */
  findPacked(id: Uint8Array): Effect.Effect<number, StoreError> {
    return Effect.suspend(() =>
      this.#loading.withPermits(1)(Effect.suspend(() => this.#load(this.index.candidates(id))))
    )
      .pipe(Effect.map(() => this.index.packed.find(id)))
  }

  /** Reads all packfiles, so that every object has a record. */
  readonly readAll: Effect.Effect<void, StoreError> = Effect.suspend(() =>
    this.#loading.withPermits(1)(Effect.suspend(() => this.#load([...this.index.packs.keys()])))
  )

  /** Reads packfiles and records their objects. Damaged ones are logged and remembered. */
  #load(numbers: ReadonlyArray<number>): Effect.Effect<void, StoreError> {
    return Effect.forEach(
      numbers.filter((number) => this.index.packs[number]!.state === "unread"),
      (number) =>
        this.#readPack(number, true).pipe(
          Effect.as("read" as const),
          Effect.catch((error): Effect.Effect<"damaged", StoreError> => {
            if (!isDamage(error)) return Effect.fail(error as StoreError)
            const { name } = this.index.packs[number]!
            this.damaged.push(error instanceof RepositoryError ? error : corrupt(name, error.message, error))
            return Effect.as(Effect.logWarning(error.message), "damaged")
          }),
          Effect.map((state) => this.index.settle(number, state)),
        ),
      { concurrency: this.#access.store.properties.connections, discard: true },
    )
  }

  /** The decompressed bytes of a packfile, verified. With `record`, its objects get records. */
  #readPack(number: number, record: boolean): Effect.Effect<Uint8Array, FormatError> {
    const { name, prefix, size } = this.index.packs[number]!
    const read = Effect.flatMap(this.#get(name), (plain) =>
      catching(RepositoryError, () => {
        const bytes = this.#decode(name, () => this.#gzip.decode(plain, Math.min(OBJECT_BYTES, size * MAXIMUM_RATIO)))
        decodePack(name, bytes, prefix, this.#hasher, (id, offset, length) => {
          if (record) this.index.addPacked(id, number, offset, length)
        })
        this.#kept.set(number, bytes)
        return bytes
      }))
    return readTwice(name, read)
  }

  /** A whole stored file, decrypted. */
  #get(name: string): Effect.Effect<Uint8Array, FormatError> {
    return Effect.flatMap(this.#access.store.get(name, { atMost: FILE_BYTES }), (bytes) => {
      this.bytesRead += bytes.length
      return catching(RepositoryError, () => this.#decode(name, () => this.#access.cipher.decrypt(name, bytes)))
    })
  }

  /** Turns a KernelError into `corrupt`. */
  #decode(name: string, decode: () => Uint8Array): Uint8Array {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      throw corrupt(name, `${name} was altered, or is damaged or truncated`)
    }
  }

  /** The decompressed bytes of a packfile that was read before. */
  packBytes(number: number): Effect.Effect<Uint8Array, FormatError> {
    const kept = this.#kept.get(number)
    return kept === undefined ? this.#readPack(number, false) : Effect.succeed(kept)
  }

  /** An object from a file of its own, whether or not the index has it. `verify` compares its hash with its ID. */
  single(id: Uint8Array, verify = true): Effect.Effect<Uint8Array, FormatError> {
    const name = singleName(this.index.area, id)
    const read = Effect.flatMap(
      this.#get(name),
      (bytes) =>
        !verify || compareIds(this.#hasher.digest(bytes), id) === 0
          ? Effect.succeed(bytes)
          : Effect.fail(corrupt(name, `${name} is damaged: its content does not match its name`)),
    )
    return readTwice(name, read)
  }

  /** An object from a packfile in memory, without an Effect; undefined if it is not in one. A view. */
  kept(id: Uint8Array): Uint8Array | undefined {
    const record = this.index.find(id)
    if (record < 0) return undefined
    const pack = this.#kept.get(this.index.pack(record))
    return pack === undefined ? undefined : slice(pack, this.index, record)
  }

  /** An object, verified: a view that stays valid. Fails with `corrupt` if it is missing or damaged. */
  read(id: Uint8Array): Effect.Effect<Uint8Array, FormatError> {
    return Effect.flatMap(this.find(id), (record): Effect.Effect<Uint8Array, FormatError> => {
      if (record < 0) {
        const { area } = this.index
        const message = `Object ${bytesToHex(id)} is missing: it is in no file of ${area}/`
        return Effect.fail(corrupt(singleName(area, id), message))
      }
      if (this.index.pack(record) !== SINGLE) return this.#fromPack(this.index, record)
      return Effect.catchIf(this.single(id), isDamage, (error) => this.#readPacked(id, error))
    })
  }

  /** An object whose own file is damaged, from a packfile. */
  #readPacked(id: Uint8Array, error: FormatError): Effect.Effect<Uint8Array, FormatError> {
    return Effect.flatMap(
      this.findPacked(id),
      (record): Effect.Effect<Uint8Array, FormatError> =>
        record < 0 ? Effect.fail(error) : Effect.tap(
          this.#fromPack(this.index.packed, record),
          Effect.map(OnOtherPack, (told) => told(error.message)),
        ),
    )
  }

  #fromPack(table: IdTable, record: number): Effect.Effect<Uint8Array, FormatError> {
    return Effect.map(this.packBytes(table.pack(record)), (bytes) => slice(bytes, table, record))
  }
}

const slice = (pack: Uint8Array, table: IdTable, record: number): Uint8Array => {
  const offset = table.offset(record)
  return pack.subarray(offset, offset + table.byteLength(record))
}

/** Lists an area, and returns a reader of it. Reads no object. */
export const openArea = (access: Access, area: Area): Effect.Effect<ObjectReader, StoreError> =>
  Effect.suspend(() => {
    const index = new ObjectIndex(area)
    const damaged: Array<RepositoryError> = []
    const add = (name: string, size: number): void => {
      const parsed = parseName(area, name)
      if (parsed === undefined) return
      if ("prefix" in parsed) return index.addUnread(name, parsed.prefix, size)
      const length = size - access.cipher.overhead
      if (length < 0 || length > OBJECT_BYTES) {
        damaged.push(corrupt(name, `${name} has ${size} bytes, which is impossible for an object of this repository`))
      } else if (index.find(parsed.id) < 0) index.set(parsed.id, SINGLE, 0, length)
    }
    return Effect.as(
      Stream.runForEachArray(access.store.list(`${area}/`), (found) =>
        Effect.sync(() => {
          for (const { name, size } of found) add(name, size)
        })),
      new ObjectReader(access, index, damaged),
    )
  })

/** Readers of both areas. */
export interface Areas {
  readonly metadata: ObjectReader
  readonly blocks: ObjectReader
}

/** Opens both areas. */
export const openAreas = (access: Access): Effect.Effect<Areas, StoreError> =>
  Effect.all(
    { metadata: openArea(access, "metadata"), blocks: openArea(access, "blocks") },
    { concurrency: 2 },
  )
