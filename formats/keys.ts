/** The keys of a repository that several secrets open. */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { FormatError, RepositoryError } from "./error.ts"

/** A secret that a new key is for. */
export type NewSecret =
  /** A password, as Unicode text. */
  | { readonly password: Redacted.Redacted<string> }
  /** An age recipient, `age1...`: its identity opens the repository. */
  | { readonly recipient: string }
  /** The 32 random bytes of a key file. */
  | { readonly key: Redacted.Redacted<Uint8Array> }

/**
 * What whoever has the secret of a key can do. `owner`: everything. `reader`: list, restore and check. `writer`: back
 * up, and read nothing.
 */
export type KeyRole = "owner" | "reader" | "writer"

/** What a repository tells of a key. An owner has signed it. */
export interface KeyInfo {
  /** 16 hex digits. */
  readonly id: string
  /** A {@link KeyRole}. A later version may have others. */
  readonly role: string
  /** The kind of secret: `password`, `age` or `key-file`. A later version may have others. `none` when it is lost. */
  readonly kind: string
  /** What the user calls it. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly created: number
  /** Who made it, `user@host`. Empty where that is not known. */
  readonly by: string
  /** The number of times that the keys had been rotated when it was last granted its role, plus one. */
  readonly epoch: number
  /** Whom a key of the kind `age` is for. Nobody has signed that. */
  readonly recipient?: string
  /** Whether it opened the repository. */
  readonly inUse: boolean
  /** When it was removed, in milliseconds since 1970. Absent while it opens the repository. */
  readonly ended?: number
}

/** The keys of a repository. */
export interface KeyList {
  /** In the order of their IDs, those that were removed last. */
  readonly keys: ReadonlyArray<KeyInfo>
  /** What is wrong with objects that cannot be read, or that nobody signed who may. Each names its object. */
  readonly damaged: ReadonlyArray<RepositoryError>
}

/**
 * The keys of an open repository. Everything but `list` and `replace` takes an owner's key, and fails with
 * `unsupported` otherwise.
 *
 * @example Change the password of a repository
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const before = { password: Redacted.make("correct horse") }
 * const after = { password: Redacted.make("battery staple") }
 *
 * const names = Effect.gen(function* () {
 *   const repository = yield* rozen.create(before)
 *   yield* repository.keys!.replace(after, { name: "laptop" })
 *   const { keys } = yield* (yield* rozen.open(after)).keys!.list
 *   return keys.map(({ name }) => name)
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = names.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), ["laptop"])
 * ```
 */
export interface RepositoryKeys {
  /** Lists the keys. */
  readonly list: Effect.Effect<KeyList, FormatError>
  /**
   * Adds a key, of an owner by default. Fails with `unsupported` when there is no room, or when the secret is not
   * valid.
   */
  readonly add: (
    secret: NewSecret,
    options?: { readonly name?: string; readonly role?: KeyRole },
  ) => Effect.Effect<KeyInfo, FormatError>
  /**
   * Removes a key by its ID. What a writer has stored until now still counts. Fails with `unsupported` when there is no
   * such key, when it is the one in use, or the last of an owner.
   *
   * Whoever has its secret, and a copy of the repository from before, can open what it could open. Only after `rotate`
   * can it open nothing new.
   */
  readonly remove: (id: string) => Effect.Effect<void, FormatError>
  /**
   * Gives the key in use another secret, and perhaps another name, which takes an owner's key. Interrupted, the old
   * secret opens the repository, or the new one, or both. Fails with `unsupported` when a paper key opened it.
   */
  readonly replace: (secret: NewSecret, options?: { readonly name?: string }) => Effect.Effect<KeyInfo, FormatError>
  /**
   * Makes new secrets of the repository for all keys that it has now, whose own secrets stay as they are. Nothing is
   * stored again: what there is stays as it is. Interrupted, all keys open the repository, and another run finishes it.
   * When somebody else rotates at the same time, one of the two fails. Open the repository again to write.
   */
  readonly rotate: Effect.Effect<{ readonly epoch: number; readonly keys: ReadonlyArray<KeyInfo> }, FormatError>
  /** The paper key: text that opens the repository without any of its keys. `Secrets.paper` takes it. */
  readonly export: Effect.Effect<Redacted.Redacted<string>, FormatError>
}
