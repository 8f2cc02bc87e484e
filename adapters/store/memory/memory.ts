/** Objects in the memory of this process. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { ObjectStore, type StoreError, type StoreGuarantees, type WriteOptions } from "../../../stages/store/store.ts"
import {
  alreadyExists,
  directoryError,
  nameError,
  notFound,
  resolvePart,
  writerError,
} from "../../../stages/store/name.ts"
import { joinParts } from "../../../stages/store/parts.ts"

/** What it guarantees, wherever it is. */
export const memoryGuarantees: StoreGuarantees = {
  connections: 4,
  atomicCreate: true,
  durable: false,
  contentType: true,
}

const store = (location: string): ObjectStore => {
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
  const find = (name: string): Effect.Effect<Uint8Array, StoreError> => {
    const bytes = objects.get(name)
    if (bytes !== undefined) return Effect.succeed(bytes)
    return Effect.fail(nameError(name) ?? notFound(name, location))
  }
  return {
    properties: { ...memoryGuarantees, location },
    put: (name, parts, options) =>
      Effect.suspend(() => {
        const error = nameError(name)
        return error ? Effect.fail(error) : write(name, joinParts(parts), options)
      }),
    create: (name, options) =>
      Effect.suspend(() => {
        const error = nameError(name)
        if (error) return Effect.fail(error)
        let parts: Array<Uint8Array> | undefined = []
        return Effect.succeed({
          append: (bytes: Uint8Array) =>
            Effect.suspend(() => {
              if (!parts) return Effect.fail(writerError(name, "finished"))
              parts.push(Uint8Array.from(bytes))
              return Effect.void
            }),
          commit: Effect.suspend(() => {
            if (!parts) return Effect.fail(writerError(name, "finished"))
            const bytes = joinParts(parts)
            parts = undefined
            return write(name, bytes, options)
          }),
        })
      }),
    get: (name, wanted) =>
      Effect.flatMap(Effect.suspend(() => find(name)), (bytes) => {
        const part = resolvePart(name, location, bytes.length, wanted)
        return "_tag" in part
          ? Effect.fail(part)
          : Effect.succeed(Uint8Array.from(bytes.subarray(part.offset, part.offset + part.length)))
      }),
    stat: (name) =>
      Effect.map(Effect.suspend(() => find(name)), (bytes) => {
        const contentType = contentTypes.get(name)
        return { name, size: bytes.length, ...(contentType === undefined ? {} : { contentType }) }
      }),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        return error ? Stream.fail(error) : Stream.fromArray(
          Array.from(objects, ([name, bytes]) => ({ name, size: bytes.length }))
            .filter(({ name }) => name.startsWith(directory)),
        )
      }),
    remove: (name) =>
      Effect.suspend(() => {
        const error = nameError(name)
        if (error) return Effect.fail(error)
        objects.delete(name)
        contentTypes.delete(name)
        return Effect.void
      }),
  }
}

/** A store in memory: for tests, and for what shall not outlive the process. Bytes are copied in and out. */
export const memoryStore: {
  /** A new, empty store; each run makes another. `location` is its name in messages. */
  readonly make: (location?: string) => Effect.Effect<ObjectStore>
  /** The same as a layer. Layers are memoized: use `make` for two stores in one program. */
  readonly layer: Layer.Layer<ObjectStore>
} = {
  make: (location = "memory:") => Effect.sync(() => store(location)),
  layer: Layer.effect(ObjectStore, Effect.sync(() => store("memory:"))),
}
