/** The port that packs, indexes and catalogs are written to: a flat space of named, write-once objects. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"

/** Fields of a `StoreError`. */
export interface StoreErrorFields {
  /**
   * `not-found`, `exists` (a create-only put that lost), `denied`, `full` (no space), `corrupt` (what is stored is
   * shorter than asked for, or longer than its kind of object may be), `invalid` (a name or range that no store takes),
   * `unavailable` (may pass: worth a retry), `io` (anything else).
   */
  readonly reason: "not-found" | "exists" | "denied" | "full" | "corrupt" | "invalid" | "unavailable" | "io"
  /** The name of the object, or the prefix listed. */
  readonly object: string
  /** One sentence that names the object or the store. */
  readonly message: string
  /** With `unavailable`: milliseconds that the store asks to wait before the next try. */
  readonly retryAfter?: number
  /** The error that led to this one. */
  readonly cause?: unknown
}
/** An operation on a store failed. */
export interface StoreError extends TaggedErrorInstance<"StoreError", StoreErrorFields> {}
/** Makes {@linkcode StoreError}s. */
export const StoreError: new (fields: StoreErrorFields) => StoreError = taggedError("StoreError")

/** What a store can and cannot do, as data. */
export interface StoreProperties {
  /** Where it is, for messages: a path or URL without secrets. */
  readonly location: string
  /** How many operations are worth having under way at once. */
  readonly connections: number
  /** Whether of several create-only puts of one name exactly one succeeds. */
  readonly atomicCreate: boolean
  /**
   * Whether what a completed write wrote survives a crash of the machine that it is on, as far as the store's protocol
   * can tell.
   */
  readonly durable: boolean
  /** Whether `list` gives names in the order of their bytes; it does not, when absent. */
  readonly orderedList?: boolean
  /**
   * Whether operations cross a network, so that each costs a round trip: worth a cache, and fetching ahead. Not, when
   * absent.
   */
  readonly remote?: boolean
  /** Whether nothing can be written. It can, when absent. */
  readonly readOnly?: boolean
  /**
   * Whether a writer hands bytes on as they come, at no more cost or risk than `put`, so that large objects need not be
   * gathered first.
   */
  readonly appends?: boolean
  /** Whether it keeps to a limit of bandwidth piece by piece, within an object. Not, when absent. */
  readonly paced?: boolean
  /** Whether it keeps the content type that an object is put with; it does not, when absent. */
  readonly contentType?: boolean
}

/** What a kind of store can do wherever it is. */
export type StoreGuarantees = Omit<StoreProperties, "location">

/** How to write an object. */
export interface WriteOptions {
  /** Take the place of one of that name, atomically; create-only otherwise. */
  readonly replace?: boolean
  /**
   * Nobody else writes this name: it is random, or names its content. Then a store may spare the effort of finding out
   * which of several writers is first; it may still fail with `exists`.
   */
  readonly unique?: boolean
}

/** Part of an object: `length` bytes from `offset`, of which a negative one counts from the end. */
export interface Range {
  /** Where the range begins, in bytes. */
  readonly offset: number
  /** How long the range is, in bytes. */
  readonly length: number
}

/**
 * All of an object, which has at most so many bytes: what nobody has authenticated yet may be of any size, so whoever
 * reads it says how large its kind can be.
 */
export interface Whole {
  /** The most bytes that the object may have. A longer one fails with `corrupt`. */
  readonly atMost: number
}

/** Bytes of one object. */
export interface ObjectInfo {
  /** Its name, with slashes between the parts. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** Media type that it was put with, from stores that keep it; given by `stat`, and perhaps not by `list`. */
  readonly contentType?: string
}

/**
 * Objects by name. Names are relative: components of `[A-Za-z0-9._-]` that are not `.` or `..`, joined by `/`. What a
 * completed `put` or `commit` wrote is there for every reader from then on, and survives a crash of this program (of
 * the machine, where `properties` say so). Readers never see part of an object.
 */
export interface ObjectStore {
  /** What the store can and cannot do. */
  readonly properties: StoreProperties
  /**
   * Writes an object at once. `parts` are written one after the other and not kept after the effect ends. Fails with
   * `exists` when there is one of that name, unless `replace`: then it takes its place atomically. A content type is
   * lost where `properties` do not say that it is kept.
   */
  readonly put: (
    name: string,
    parts: ReadonlyArray<Uint8Array>,
    options?: WriteOptions & { readonly contentType?: string },
  ) => Effect.Effect<void, StoreError>
  /**
   * Starts an object that grows. It appears at `commit`, create-only unless `replace`: then it takes the place of one
   * of that name atomically. When the scope closes before that, nothing remains.
   */
  readonly create: (
    name: string,
    options?: WriteOptions,
  ) => Effect.Effect<ObjectWriter, StoreError, Scope.Scope>
  /**
   * Reads a part of an object, or all of it within a limit. Fresh bytes, owned by the caller. Fails with `not-found`;
   * with `corrupt` when the object ends before the range does, or is longer than the limit: then no more than the limit
   * is read or held in memory.
   */
  readonly get: (name: string, part: Range | Whole) => Effect.Effect<Uint8Array, StoreError>
  /** Size of an object, and its content type where there is one. Fails with `not-found`. */
  readonly stat: (name: string) => Effect.Effect<ObjectInfo, StoreError>
  /**
   * All objects beneath a directory (`DATA/`), or all with `""`, in no particular order. None when the directory is not
   * there.
   */
  readonly list: (directory: string) => Stream.Stream<ObjectInfo, StoreError>
  /** Removes an object. Succeeds when there is none. */
  readonly remove: (name: string) => Effect.Effect<void, StoreError>
}

/** The service under which a store is provided. */
export const ObjectStore: Context.Service<ObjectStore, ObjectStore> = Context.Service("penstock/ObjectStore")

/** An object under way. Calls come one at a time. */
export interface ObjectWriter {
  /** Appends; `bytes` are the caller's again when the effect ends. */
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StoreError>
  /** Makes it durable and gives it its name. Fails with `exists` when another has it. */
  readonly commit: Effect.Effect<void, StoreError>
}

/** Why a name is not one of an object, or undefined when it is. */
export const objectNameProblem = (name: string): string | undefined =>
  name.length > 0 && name.length <= 512 &&
    name.split("/").every((c) => /^[A-Za-z0-9._-]+$/.test(c) && c !== "." && c !== "..")
    ? undefined
    : `"${name}" cannot be the name of an object`
