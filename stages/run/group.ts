/** Gathers the entries of a stream into units of work. */
import * as Stream from "effect/Stream"

/** How large a unit is so far. */
export interface UnitSize {
  readonly entries: number
  /** The sum of what `bytesOf` returned for its entries. */
  readonly bytes: number
}

/** What decides where one unit ends and the next begins. */
export interface Units<A> {
  /** Entries of one unit have the same key: the same object, or an equal primitive. */
  readonly key: (entry: A) => unknown
  /** The bytes that an entry adds to its unit. */
  readonly bytesOf: (entry: A) => number
  /** Whether the next entry, of this many bytes, starts a new unit. Not called for the first entry of a unit. */
  readonly startsAnew: (unit: UnitSize, bytes: number) => boolean
  /** Whether a unit is complete. */
  readonly isFull: (unit: UnitSize) => boolean
}

/** Groups consecutive entries into units. The order stays, and no unit is empty. */
export const groupInUnits =
  <A>({ bytesOf, isFull, key, startsAnew }: Units<A>) =>
  <B extends A, E, R>(self: Stream.Stream<B, E, R>): Stream.Stream<ReadonlyArray<B>, E, R> =>
    Stream.mapAccumArray(
      self,
      (): { held: Array<B>; bytes: number } => ({ held: [], bytes: 0 }),
      (state, entries) => {
        const full: Array<ReadonlyArray<B>> = []
        const close = () => {
          full.push(state.held)
          state.held = []
          state.bytes = 0
        }
        for (const entry of entries) {
          const bytes = bytesOf(entry)
          const { held } = state
          if (
            held.length > 0 &&
            (key(held[0]!) !== key(entry) || startsAnew({ entries: held.length, bytes: state.bytes }, bytes))
          ) close()
          state.held.push(entry)
          state.bytes += bytes
          if (isFull({ entries: state.held.length, bytes: state.bytes })) close()
        }
        return [state, full] as const
      },
      { onHalt: (state) => state.held.length > 0 ? [state.held] : [] },
    )
