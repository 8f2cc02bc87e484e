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
 * What a repository tells of a key. `name`, `created` and `by` are authentic for the key in use only; for the others,
 * they are what the store says.
 */
export interface KeyInfo {
  /** 16 hex digits. */
  readonly id: string
  /** What whoever has the secret can do: `owner`, everything. A later version may have others. */
  readonly role: string
  /** The kind of secret: `password`, `age` or `key-file`. A later version may have others. */
  readonly kind: string
  /** What the user calls it. */
  readonly name: string
  /** Milliseconds since 1970. */
  readonly created: number
  /** Who made it, `user@host`. Empty where that is not known. */
  readonly by: string
  /** Whom a key of the kind `age` is for. */
  readonly recipient?: string
  /** Whether it opened the repository. */
  readonly inUse: boolean
}

/** The keys of a repository. */
export interface KeyList {
  /** In the order of their IDs. */
  readonly keys: ReadonlyArray<KeyInfo>
  /** What is wrong with the keys that cannot be read. Each names its object. */
  readonly damaged: ReadonlyArray<RepositoryError>
}

/**
 * The keys of an open repository. All open the same master key. So a secret that was replaced or removed still opens
 * the repository, together with a copy of its key object that somebody kept.
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
  /** Adds a key. Fails with `unsupported` when there is no room, or when the secret is not valid. */
  readonly add: (secret: NewSecret, options?: { readonly name?: string }) => Effect.Effect<KeyInfo, FormatError>
  /**
   * Removes a key by its ID. Fails with `unsupported` when there is no such key, when it is the one in use, or the last
   * that could open the repository.
   */
  readonly remove: (id: string) => Effect.Effect<void, FormatError>
  /**
   * Adds a key in the place of the one in use, then removes that. Interrupted between the two, both open the
   * repository. The new key has the name of the old one, unless another is given. Fails with `unsupported` when a paper
   * key opened the repository.
   */
  readonly replace: (
    secret: NewSecret,
    options?: { readonly name?: string },
  ) => Effect.Effect<{ readonly added: KeyInfo; readonly removed: KeyInfo }, FormatError>
  /** The paper key: text that opens the repository without any of its keys. `Secrets.paper` takes it. */
  readonly export: Effect.Effect<Redacted.Redacted<string>>
}
