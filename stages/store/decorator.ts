/** Decorators: functions from a store to a store that works differently, which also come as layers. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ObjectStore } from "./store.ts"

/**
 * A layer that takes an {@link ObjectStore} and gives one. Use it with `Layer.provide` and the layer of a store or of
 * another decorator.
 */
export type StoreLayer = Layer.Layer<ObjectStore, never, ObjectStore>

/** A function over stores that also comes as a layer. */
export interface Decorator<Arguments extends ReadonlyArray<unknown>> {
  (store: ObjectStore, ...options: Arguments): ObjectStore
  /** A layer that decorates the store that is provided. */
  readonly layer: (...options: Arguments) => StoreLayer
}

/** Makes a decorator of a function over stores. */
export const decorator = <Arguments extends ReadonlyArray<unknown>>(
  decorate: (store: ObjectStore, ...options: Arguments) => ObjectStore,
): Decorator<Arguments> =>
  Object.assign((store: ObjectStore, ...options: Arguments) => decorate(store, ...options), {
    layer: (...options: Arguments) =>
      Layer.effect(ObjectStore, Effect.map(ObjectStore, (store) => decorate(store, ...options))),
  })
