/** One of the two areas of a repository as a reader sees it: objects by ID, in files of their own or in packfiles. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { gzip } from "../../stages/compress/gzip.ts"
import { sha256 } from "../../stages/hash/sha256.ts"
import {
  type Compressor,
  type Hasher,
  ID_BYTES,
  KernelError,
  type KernelTable,
  makeKernel,
} from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../format.ts"
import { corrupt, isDamage } from "./errors.ts"
import { IdTable } from "./id_table.ts"
import { FILE_BYTES, OBJECT_BYTES } from "./limits.ts"
import { type Area, parseName, singleName } from "./layout.ts"
import { compareIds, decodePack } from "./packfile.ts"
import type { Vault } from "./object_cipher.ts"

/** Value of `pack` for an object in a file of its own. */
export const SINGLE = 0xffffffff
/** Value of `pack` for an object that is not written yet. */
export const PENDING = 0xfffffffe

/** Deflate makes at most so many bytes of one. */
const MAXIMUM_RATIO = 1032
/** Decompressed packfiles that are kept, in bytes: a little more than what one run groups at once. */
const KEPT_BYTES = 40 << 20

/** A packfile that is there. */
export interface Pack {
  readonly name: string
  readonly prefix: Uint8Array
  readonly size: number
  /** `damaged` once it was found to be. */
  state: "unread" | "read" | "damaged"
}

/** What an area needs of its repository. */
export interface Room {
  readonly store: ObjectStore
  readonly vault: Vault
  readonly table: KernelTable
}

export class Shelf {
  readonly area: Area
  readonly objects: IdTable = new IdTable()
  readonly packs: Array<Pack> = []
  /** What is wrong with objects of this area, as far as it was found out. */
  readonly damaged: Array<RepositoryError> = []
  /** Stored bytes that were read. */
  bytesRead = 0

  readonly #room: Room
  readonly #hasher: Hasher
  readonly #gzip: Compressor
  readonly #unread = new Map<string, Array<number>>()
  readonly #prefixLengths = new Set<number>()
  readonly #kept = new Map<number, Uint8Array>()
  #keptBytes = 0
  readonly #loading = Semaphore.makeUnsafe(1)

  private constructor(room: Room, area: Area) {
    this.#room = room
    this.area = area
    this.#hasher = makeKernel(sha256, room.table)
    this.#gzip = makeKernel(gzip(), room.table)
  }

  /** Lists an area. Reads no object. */
  static open(room: Room, area: Area): Effect.Effect<Shelf, StoreError> {
    return Effect.suspend(() => {
      const shelf = new Shelf(room, area)
      return Effect.as(
        Stream.runForEachArray(room.store.list(`${area}/`), (found) =>
          Effect.sync(() => {
            for (const { name, size } of found) shelf.#list(name, size)
          })),
        shelf,
      )
    })
  }

  #list(name: string, size: number): void {
    const parsed = parseName(this.area, name)
    if (parsed === undefined) return
    if ("prefix" in parsed) {
      const { prefix } = parsed
      const hex = bytesToHex(prefix)
      const same = this.#unread.get(hex)
      if (same === undefined) this.#unread.set(hex, [this.packs.length])
      else same.push(this.packs.length)
      this.#prefixLengths.add(prefix.length)
      this.packs.push({ name, prefix, size, state: "unread" })
      return
    }
    const length = size - this.#room.vault.overhead
    if (length >= 0 && length <= OBJECT_BYTES) {
      if (this.objects.find(parsed.id) < 0) this.objects.set(parsed.id, SINGLE, 0, length)
      return
    }
    this.damaged.push(corrupt(name, `${name} has ${size} bytes, which no object of this repository has`))
  }

  /** Whether an object is there, or may be in a packfile that was not read. */
  mayHave(id: Uint8Array): boolean {
    return this.objects.find(id) >= 0 || this.#candidates(id).length > 0
  }

  /** Whether an object may have been in a packfile that is damaged. */
  mayHaveLost(id: Uint8Array): boolean {
    const hex = bytesToHex(id)
    return this.packs.some(({ prefix, state }) => state === "damaged" && hex.startsWith(bytesToHex(prefix)))
  }

  /** Packfiles that were not read and may hold an object. */
  #candidates(id: Uint8Array): ReadonlyArray<number> {
    if (this.#unread.size === 0) return []
    return [...this.#prefixLengths].flatMap((length) => this.#unread.get(bytesToHex(id.subarray(0, length))) ?? [])
  }

  /** The record of an object, -1 when there is none. Reads the packfiles that may hold it, unless it is known. */
  find(id: Uint8Array): Effect.Effect<number, StoreError> {
    return Effect.suspend(() => {
      const record = this.objects.find(id)
      if (record >= 0 || this.#candidates(id).length === 0) return Effect.succeed(record)
      return this.#loading.withPermits(1)(this.#load(this.#candidates(id))).pipe(
        Effect.map(() => this.objects.find(id)),
      )
    })
  }

  /** Reads all packfiles, so that everything that there is has a record. */
  readonly readAll: Effect.Effect<void, StoreError> = Effect.suspend(() =>
    this.#loading.withPermits(1)(this.#load([...this.packs.keys()]))
  )

  #load(numbers: ReadonlyArray<number>): Effect.Effect<void, StoreError> {
    return Effect.forEach(
      numbers.filter((number) => this.packs[number]!.state === "unread"),
      (number) =>
        this.#readPack(number, true).pipe(
          Effect.catch((error): Effect.Effect<void, StoreError> => {
            if (!isDamage(error)) return Effect.fail(error as StoreError)
            this.packs[number]!.state = "damaged"
            this.damaged.push(
              error instanceof RepositoryError ? error : corrupt(this.packs[number]!.name, error.message, error),
            )
            return Effect.logWarning(error.message)
          }),
          Effect.tap(() => Effect.sync(() => this.#forget(number))),
        ),
      { concurrency: this.#room.store.properties.connections, discard: true },
    )
  }

  /** A packfile was read, or never will be. */
  #forget(number: number): void {
    const hex = bytesToHex(this.packs[number]!.prefix)
    const rest = this.#unread.get(hex)?.filter((other) => other !== number) ?? []
    if (rest.length > 0) this.#unread.set(hex, rest)
    else this.#unread.delete(hex)
  }

  /** The objects of a packfile as its decompressed bytes, verified. */
  #readPack(number: number, record: boolean): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    const pack = this.packs[number]!
    const { name, prefix, size } = pack
    const read = Effect.flatMap(this.#get(name), (plain) =>
      catching(RepositoryError, () => {
        const bytes = this.#decode(name, () => this.#gzip.decode(plain, Math.min(OBJECT_BYTES, size * MAXIMUM_RATIO)))
        decodePack(name, bytes, prefix, this.#hasher, (id, offset, length) => {
          if (record && this.objects.find(id) < 0) this.objects.set(id, number, offset, length)
        })
        pack.state = "read"
        this.#keep(number, bytes)
        return bytes
      }))
    return readTwice(name, read)
  }

  #keep(number: number, bytes: Uint8Array): void {
    this.#keptBytes += bytes.length - (this.#kept.get(number)?.length ?? 0)
    this.#kept.delete(number)
    this.#kept.set(number, bytes)
    for (const [other, { length }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES || other === number) break
      this.#kept.delete(other)
      this.#keptBytes -= length
    }
  }

  /** A whole stored file, opened. */
  #get(name: string): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    return Effect.flatMap(this.#room.store.get(name, { atMost: FILE_BYTES }), (bytes) => {
      this.bytesRead += bytes.length
      return catching(RepositoryError, () => this.#decode(name, () => this.#room.vault.open(name, bytes)))
    })
  }

  #decode(name: string, run: () => Uint8Array): Uint8Array {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      throw corrupt(name, `${name} was altered, or is damaged or truncated`)
    }
  }

  /** The decompressed bytes of a packfile. */
  packBytes(number: number): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    const kept = this.#kept.get(number)
    return kept === undefined ? this.#readPack(number, false) : Effect.succeed(kept)
  }

  /** An object that has a file of its own, verified unless told. Needs no listing. */
  single(id: Uint8Array, verify = true): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    const name = singleName(this.area, id)
    const read = Effect.flatMap(
      this.#get(name),
      (bytes) =>
        !verify || compareIds(this.#hasher.digest(bytes), id) === 0
          ? Effect.succeed(bytes)
          : Effect.fail(corrupt(name, `${name} is damaged: it is not what its name says`)),
    )
    return readTwice(name, read)
  }

  /** An object without any waiting, when it is in memory already; a view. */
  held(id: Uint8Array): Uint8Array | undefined {
    const record = this.objects.find(id)
    if (record < 0) return undefined
    const pack = this.#kept.get(this.objects.pack(record))
    const offset = this.objects.offset(record)
    return pack?.subarray(offset, offset + this.objects.byteLength(record))
  }

  /** An object, verified. Fails with `corrupt` when it is missing or damaged. Views of it stay valid. */
  read(id: Uint8Array): Effect.Effect<Uint8Array, RepositoryError | StoreError> {
    return Effect.flatMap(this.find(id), (record): Effect.Effect<Uint8Array, RepositoryError | StoreError> => {
      if (record < 0) {
        const name = singleName(this.area, id)
        return Effect.fail(corrupt(name, `Object ${bytesToHex(id)} is missing: it is in no file of ${this.area}/`))
      }
      const pack = this.objects.pack(record)
      if (pack === SINGLE) return this.single(id)
      const offset = this.objects.offset(record)
      return Effect.map(
        this.packBytes(pack),
        (bytes) => bytes.subarray(offset, offset + this.objects.byteLength(record)),
      )
    })
  }

  /** The stored file that an object is in. */
  nameOf(record: number): string {
    const pack = this.objects.pack(record)
    return pack === SINGLE ? singleName(this.area, this.objects.id(record)) : this.packs[pack]!.name
  }

  /** Takes a packfile that was just written. */
  added(name: string, prefix: Uint8Array, size: number): number {
    this.packs.push({ name, prefix, size, state: "read" })
    return this.packs.length - 1
  }
}

/** Bytes of one ID in a list of them. */
export const idAt = (ids: Uint8Array, i: number): Uint8Array => ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES)
