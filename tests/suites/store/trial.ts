/** What the tests of stores share. */
import assert from "node:assert/strict"
import { Effect, type Scope, Stream } from "effect"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"

/** Registers a test of a new store. */
export type StoreTest = (
  title: string,
  body: (store: ObjectStore) => Effect.Effect<void, StoreError, Scope.Scope>,
  skip?: string,
) => void

/** The UTF-8 bytes of a text. */
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Bytes that differ from position to position. */
export const pattern = (length: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(length)
  let state = seed * 2654435761 >>> 0
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Fails the test when some bytes differ. */
export const same = (actual: Uint8Array, expected: Uint8Array): void => {
  assert.equal(actual.length, expected.length)
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) assert.fail(`byte ${i} differs`)
}

/** Fails the test unless an operation fails for this reason, and names the object. */
export const fails = <A, R>(
  reason: StoreError["reason"],
  name: string,
  effect: Effect.Effect<A, StoreError, R>,
): Effect.Effect<void, never, R> =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.equal(error._tag, "StoreError")
    assert.equal(error.reason, reason, error.message)
    assert.equal(error.object, name)
    assert.ok(error.message.includes(name), `"${error.message}" does not name the object`)
    assert.ok(!error.message.endsWith("."))
  }).pipe(Effect.catch(() => Effect.die(new Error(`${name}: succeeded, expected "${reason}"`))))

/** The names beneath a directory, sorted. */
export const names = (store: ObjectStore, directory: string): Effect.Effect<Array<string>, StoreError> =>
  Effect.map(Stream.runCollect(store.list(directory)), (all) => all.map(({ name }) => name).sort())
