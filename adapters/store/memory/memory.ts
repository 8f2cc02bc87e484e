/** Objects in the memory of this process. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { resolvePart } from "../../../stages/store/resolve_part.ts"
import { alreadyExists, notFound } from "../../../stages/store/errors.ts"
import { nameError } from "../../../stages/store/name.ts"
import { joinParts } from "../../../stages/store/parts.ts"
import { ObjectStore, type StoreError, type StoreGuarantees, type WriteOptions } from "../../../stages/store/store.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { makeWriterState } from "../../../stages/store/writer_state.ts"

/** The properties of every such store. */
export const memoryGuarantees: StoreGuarantees = {
  connections: 4,
  atomicCreate: true,
  durable: false,
  contentType: true,
}

const makeStore = (location: string): ObjectStore => {
  const objects = new Map<string, Uint8Array>()
  const contentTypes = new Map<string, string>()
  const write = (
    name: string,
    bytes: Uint8Array,
    { contentType, replace }: WriteOptions & { readonly contentType?: string } = {},
  ): Effect.Effect<void, StoreError> => {
    if (replace !== true && objects.has(name)) return Effect.fail(alreadyExists(name, location))
    objects.set(name, bytes)
    if (contentType === undefined) contentTypes.delete(name)
    else contentTypes.set(name, contentType)
    return Effect.void
  }
  const find = (name: string): Effect.Effect<Uint8Array, StoreError> =>
    Effect.suspend(() => {
      const bytes = objects.get(name)
      return bytes === undefined ? Effect.fail(nameError(name) ?? notFound(name, location)) : Effect.succeed(bytes)
    })
  return {
    properties: { ...memoryGuarantees, location },
    put: (name, parts, options) => withName(name, () => write(name, joinParts(parts), options)),
    create: (name, options) =>
      withName(name, () => {
        const state = makeWriterState(name)
        const parts: Array<Uint8Array> = []
        return Effect.succeed({
          append: (bytes: Uint8Array) => state.append(() => Effect.sync(() => void parts.push(Uint8Array.from(bytes)))),
          commit: state.commit(() => write(name, joinParts(parts), options)),
        })
      }),
    get: (name, wanted) =>
      Effect.flatMap(find(name), (bytes) => {
        const part = resolvePart(name, location, bytes.length, wanted)
        return "_tag" in part
          ? Effect.fail(part)
          : Effect.succeed(Uint8Array.from(bytes.subarray(part.offset, part.offset + part.length)))
      }),
    stat: (name) =>
      Effect.map(find(name), (bytes) => {
        const contentType = contentTypes.get(name)
        return { name, size: bytes.length, ...(contentType === undefined ? {} : { contentType }) }
      }),
    list: (directory) =>
      withDirectory(directory, () =>
        Stream.fromArray(
          Array.from(objects, ([name, bytes]) => ({ name, size: bytes.length }))
            .filter(({ name }) => name.startsWith(directory)),
        )),
    remove: (name) =>
      withName(name, () =>
        Effect.sync(() => {
          objects.delete(name)
          contentTypes.delete(name)
        })),
  }
}

/**
 * A store in memory, for tests and for data that must not outlive the process. Bytes are copied in and out.
 *
 * @example Write an object and read a part of it
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = yield* memoryStore.make()
 *   yield* store.put("DATA/a", [Uint8Array.of(1, 2), Uint8Array.of(3)])
 *   assert.deepEqual([...(yield* store.get("DATA/a", { offset: -2, length: 2 }))], [2, 3])
 * }))
 * ```
 */
export const memoryStore: {
  /** A new, empty store; each run makes another one. `location` is its name in messages. */
  readonly make: (location?: string) => Effect.Effect<ObjectStore>
  /** The same as a layer. Layers are memoized, so use `make` for two stores in one program. */
  readonly layer: Layer.Layer<ObjectStore>
} = {
  make: (location = "memory:") => Effect.sync(() => makeStore(location)),
  layer: Layer.effect(ObjectStore, Effect.sync(() => makeStore("memory:"))),
}
