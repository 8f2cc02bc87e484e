/** What changes how a store works, as a function over stores and as a layer. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ObjectStore } from "./store.ts"

/**
 * A layer that takes an {@link ObjectStore} and gives one, for `Layer.provide` with the layer of a store or of another
 * decorator.
 */
export type StoreLayer = Layer.Layer<ObjectStore, never, ObjectStore>

/** A function over stores that also comes as a layer. */
export interface Decorator<Arguments extends ReadonlyArray<unknown>> {
  (store: ObjectStore, ...options: Arguments): ObjectStore
  /** The decorated store as a layer over the one that is provided. */
  readonly layer: (...options: Arguments) => StoreLayer
}

/** Gives a function over stores its layer. */
export const decorator = <Arguments extends ReadonlyArray<unknown>>(
  decorate: (store: ObjectStore, ...options: Arguments) => ObjectStore,
): Decorator<Arguments> =>
  Object.assign((store: ObjectStore, ...options: Arguments) => decorate(store, ...options), {
    layer: (...options: Arguments) =>
      Layer.effect(ObjectStore, Effect.map(ObjectStore, (store) => decorate(store, ...options))),
  })
