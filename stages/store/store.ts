/** The port that packs, indexes and catalogs are written to: a flat space of named, write-once objects. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"

/** Fields of a `StoreError`. */
export interface StoreErrorFields {
  /**
   * - `not-found`: there is no such object.
   * - `exists`: the name of a create-only write is taken.
   * - `denied`: no permission.
   * - `full`: no space left.
   * - `corrupt`: the object is shorter than the range that was asked for, or longer than its kind can be.
   * - `invalid`: a name or range that no store takes.
   * - `unavailable`: it may pass; a retry is worth it.
   * - `io`: anything else.
   */
  readonly reason: "not-found" | "exists" | "denied" | "full" | "corrupt" | "invalid" | "unavailable" | "io"
  /** The name of the object, or the prefix listed. */
  readonly object: string
  /** One sentence that names the object or the store. */
  readonly message: string
  /** With `unavailable`: how many milliseconds the store asks to wait before the next try. */
  readonly retryAfter?: number
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** An operation on a store failed. */
export interface StoreError extends TaggedErrorInstance<"StoreError", StoreErrorFields> {}
/**
 * Makes {@linkcode StoreError}s.
 *
 * @example Handle an object that does not exist
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { ObjectStore, StoreError } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const program = Effect.flip(Effect.flatMap(ObjectStore, (store) => store.stat("a")))
 * const error = await Effect.runPromise(Effect.provide(program, memoryStore.layer))
 * assert.ok(error instanceof StoreError)
 * assert.equal(error.reason, "not-found")
 * ```
 */
export const StoreError: new (fields: StoreErrorFields) => StoreError = taggedError("StoreError")

/** What a store can and cannot do, as data. */
export interface StoreProperties {
  /** Where it is, for messages: a path or URL without secrets. */
  readonly location: string
  /** How many operations to have under way at once. */
  readonly connections: number
  /** Whether exactly one of several create-only writes of one name succeeds. */
  readonly atomicCreate: boolean
  /**
   * Whether a completed write survives a crash of the machine that holds the store, as far as the store's protocol can
   * tell.
   */
  readonly durable: boolean
  /** Whether `list` gives names in the order of their bytes. Absent: no. */
  readonly orderedList?: boolean
  /**
   * Whether operations cross a network. Each then costs a round trip, so a cache and fetching ahead are worth it.
   * Absent: no.
   */
  readonly remote?: boolean
  /** Whether the store refuses writes. Absent: no. */
  readonly readOnly?: boolean
  /**
   * Whether a writer hands bytes on as they come, at no more cost or risk than `put`. Then large objects need not be
   * gathered in memory first. Absent: no.
   */
  readonly appends?: boolean
  /** Whether it keeps to a limit of bandwidth within an object, piece by piece. Absent: no. */
  readonly paced?: boolean
  /** Whether it keeps the content type that an object is put with. Absent: no. */
  readonly contentType?: boolean
}

/** What a kind of store can do, wherever it is. */
export type StoreGuarantees = Omit<StoreProperties, "location">

/** How to write an object. */
export interface WriteOptions {
  /** Replace an object of that name, atomically. Without it, the write is create-only. */
  readonly replace?: boolean
  /**
   * Nobody else writes this name: it is random, or it names the content. The store then need not find out which of
   * several writers is first. It may still fail with `exists`.
   */
  readonly unique?: boolean
}

/** Part of an object: `length` bytes from `offset`. A negative offset counts from the end. */
export interface Range {
  /** Where the range begins, in bytes. */
  readonly offset: number
  /** How long the range is, in bytes. */
  readonly length: number
}

/**
 * All of an object, up to a limit. Before its bytes are authenticated, an object may have any size. So the reader says
 * how large this kind of object can be.
 */
export interface Whole {
  /** The most bytes that the object may have. A longer one fails with `corrupt`. */
  readonly atMost: number
}

/** An object that is in a store. */
export interface ObjectInfo {
  /** Its name, with slashes between the parts. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** The media type that it was put with, from stores that keep it. `stat` gives it; `list` may not. */
  readonly contentType?: string
}

/**
 * Objects by name. A name is a relative path: components of `[A-Za-z0-9._-]`, joined by `/`; `.` and `..` are no
 * components. After a `put` or `commit` has completed, every reader finds the object. It survives a crash of this
 * program, and of the machine where `properties` say so. Readers never see part of an object.
 */
export interface ObjectStore {
  /** What the store can and cannot do. */
  readonly properties: StoreProperties
  /**
   * Writes an object in one call: the `parts`, one after the other. The store keeps no reference to them after the
   * effect ends. Fails with `exists` when there is an object of that name; with `replace`, it is replaced atomically
   * instead. The content type is lost unless `properties` say that it is kept.
   */
  readonly put: (
    name: string,
    parts: ReadonlyArray<Uint8Array>,
    options?: WriteOptions & { readonly contentType?: string },
  ) => Effect.Effect<void, StoreError>
  /**
   * Starts an object that grows. It appears at `commit`. Without `replace` it is create-only; with it, an object of
   * that name is replaced atomically. When the scope closes before the commit, nothing remains.
   */
  readonly create: (
    name: string,
    options?: WriteOptions,
  ) => Effect.Effect<ObjectWriter, StoreError, Scope.Scope>
  /**
   * Reads a part of an object, or all of it within a limit. The bytes are fresh, and the caller owns them. Fails with
   * `not-found`, or with `corrupt` when the object ends before the range does or is longer than the limit. In the
   * latter case no more than the limit is read or held in memory.
   */
  readonly get: (name: string, part: Range | Whole) => Effect.Effect<Uint8Array, StoreError>
  /** The size of an object, and its content type where there is one. Fails with `not-found`. */
  readonly stat: (name: string) => Effect.Effect<ObjectInfo, StoreError>
  /**
   * All objects beneath a directory (`DATA/`), or all objects with `""`, in no particular order. Gives none when the
   * directory does not exist.
   */
  readonly list: (directory: string) => Stream.Stream<ObjectInfo, StoreError>
  /** Removes an object. Succeeds when there is none. */
  readonly remove: (name: string) => Effect.Effect<void, StoreError>
  /**
   * Makes directories (`DATA/00/`) and those above them, durably. Those that exist stay as they are. Only a store where
   * somebody can give directories rules of their own has this. In all others, `put` makes what it needs.
   */
  readonly makeDirectories?: (directories: ReadonlyArray<string>) => Effect.Effect<void, StoreError>
}

/**
 * The service under which a store is provided.
 *
 * @example Write an object and read it
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { ObjectStore } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const program = Effect.gen(function* () {
 *   const store = yield* ObjectStore
 *   yield* store.put("a", [Uint8Array.of(1), Uint8Array.of(2, 3)])
 *   return yield* store.get("a", { offset: -2, length: 2 })
 * })
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, memoryStore.layer)), Uint8Array.of(2, 3))
 * ```
 */
export const ObjectStore: Context.Service<ObjectStore, ObjectStore> = Context.Service("penstock/ObjectStore")

/** An object that is being written. Make one call at a time. */
export interface ObjectWriter {
  /** Appends bytes. They are the caller's again when the effect ends. */
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StoreError>
  /** Makes the object durable and gives it its name. Fails with `exists` when the name is taken. */
  readonly commit: Effect.Effect<void, StoreError>
}

/**
 * Why no object can have this name; undefined when one can.
 *
 * @example Check a name
 * ```ts
 * import assert from "node:assert/strict"
 * import { objectNameProblem } from "@penstock/penstock/format"
 *
 * assert.equal(objectNameProblem("DATA/a"), undefined)
 * assert.equal(objectNameProblem("../a"), '"../a" cannot be the name of an object')
 * ```
 */
export const objectNameProblem = (name: string): string | undefined =>
  name.length > 0 && name.length <= 512 &&
    name.split("/").every((c) => /^[A-Za-z0-9._-]+$/.test(c) && c !== "." && c !== "..")
    ? undefined
    : `"${name}" cannot be the name of an object`
