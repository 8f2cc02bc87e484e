/** A file of which pieces are read on demand. */
import type * as Effect from "effect/Effect"

/** A file whose bytes are fetched as they are needed: of a store, of an HTTP server, of a `Blob`, or in memory. */
export interface RandomAccess<out E = never, out R = never> {
  /** The length of the file in bytes. */
  readonly size: number
  /**
   * Pieces of `length` bytes that begin at these offsets, in the order of the offsets. All pieces lie within the file.
   * The bytes belong to the file: whoever gets them does not change them.
   */
  readonly read: (
    offsets: ReadonlyArray<number>,
    length: number,
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, E, R>
}
