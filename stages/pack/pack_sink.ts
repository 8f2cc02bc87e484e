/** Where the bytes of a pack go while it is being filled. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { release } from "../memory/release.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"

/** A pack under way. Takes over what it is given. */
export interface PackSink {
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, StoreError>
  /** Gives it its last bytes, makes it durable and gives it its name. */
  readonly end: (tail: Uint8Array) => Effect.Effect<void, StoreError>
}

/**
 * Starts an object that begins with `header`, under a name that nobody else writes. Where the store appends, its bytes
 * are handed on as they come; elsewhere they are gathered and put at once, so that it can be tried again.
 */
export const packSink = (
  store: ObjectStore,
  name: string,
  header: Uint8Array,
): Effect.Effect<PackSink, StoreError, Scope.Scope> =>
  store.properties.appends === true ? appending(store, name, header) : Effect.succeed(gathering(store, name, header))

const gathering = (store: ObjectStore, name: string, header: Uint8Array): PackSink => {
  const parts = [header]
  return {
    append: (bytes) => Effect.sync(() => void parts.push(bytes)),
    end: (tail) =>
      Effect.tap(
        Effect.suspend(() => store.put(name, [...parts, tail], { unique: true })),
        // Not released when it fails or is interrupted: then a write may still be reading.
        Effect.sync(() => parts.forEach(release)),
      ),
  }
}

const appending = Effect.fnUntraced(function* (store: ObjectStore, name: string, header: Uint8Array) {
  const own = yield* Scope.fork(yield* Scope.Scope)
  const writer = yield* Scope.provide(store.create(name, { unique: true }), own)
  yield* writer.append(header)
  const sink: PackSink = {
    append: (bytes) => Effect.tap(writer.append(bytes), Effect.sync(() => release(bytes))),
    end: (tail) => writer.append(tail).pipe(Effect.andThen(writer.commit), Effect.andThen(Scope.close(own, Exit.void))),
  }
  return sink
})
