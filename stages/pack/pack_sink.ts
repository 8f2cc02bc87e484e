/** Where the bytes of a pack go while it is filled. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { release } from "../memory/release.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"

/** A pack that is being written. It owns the bytes that it is given, and frees them. */
export interface PackSink {
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StoreError>
  /** Appends the last bytes, makes the pack durable and gives it its name. */
  readonly end: (tail: Uint8Array) => Effect.Effect<void, StoreError>
}

/**
 * Starts an object that begins with `header`. Nobody else may write the name. When the store can append, bytes are
 * handed on as they come. Otherwise they are gathered and put at once, so that the store can try again.
 */
export const packSink = (
  store: ObjectStore,
  name: string,
  header: Uint8Array,
): Effect.Effect<PackSink, StoreError, Scope.Scope> =>
  store.properties.appends === true
    ? appendingSink(store, name, header)
    : Effect.succeed(gatheringSink(store, name, header))

const gatheringSink = (store: ObjectStore, name: string, header: Uint8Array): PackSink => {
  const parts = [header]
  return {
    append: (bytes) => Effect.sync(() => void parts.push(bytes)),
    end: (tail) =>
      Effect.tap(
        Effect.suspend(() => store.put(name, [...parts, tail], { unique: true })),
        // Only after success: when it failed or was interrupted, a write may still be reading the memory.
        Effect.sync(() => parts.forEach(release)),
      ),
  }
}

const appendingSink = Effect.fnUntraced(function* (store: ObjectStore, name: string, header: Uint8Array) {
  const own = yield* Scope.fork(yield* Scope.Scope)
  const writer = yield* Scope.provide(store.create(name, { unique: true }), own)
  yield* writer.append(header)
  const sink: PackSink = {
    append: (bytes) => Effect.tap(writer.append(bytes), Effect.sync(() => release(bytes))),
    end: (tail) => writer.append(tail).pipe(Effect.andThen(writer.commit), Effect.andThen(Scope.close(own, Exit.void))),
  }
  return sink
})
