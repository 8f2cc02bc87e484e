/** Puts streams of bytes through decoders. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"

/** A decoder gets this many bytes at once. When they are decompressed, they may become a thousand times as many. */
const SLICE_BYTES = 8 << 10

/**
 * Puts a stream of bytes through a decoder, which is made when the stream is run. A KernelError that the decoder throws
 * fails the stream with `toError` of it.
 */
export const through = <A, E, E2>(
  self: Stream.Stream<Uint8Array, E>,
  makeDecoder: () => {
    readonly push: (bytes: Uint8Array) => ReadonlyArray<A>
    readonly end: () => ReadonlyArray<A>
  },
  toError: (error: KernelError) => E2,
): Stream.Stream<A, E | E2> =>
  Stream.suspend(() => {
    const decoder = makeDecoder()
    const step = (decode: () => ReadonlyArray<A>) => Effect.mapError(catching(KernelError, decode), toError)
    return self.pipe(
      Stream.map(slices),
      Stream.flattenIterable,
      Stream.mapEffect((bytes) => step(() => decoder.push(bytes))),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => step(() => decoder.end())))),
      Stream.flattenIterable,
    )
  })

const slices = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: Math.ceil(bytes.length / SLICE_BYTES) },
    (_, i) => bytes.subarray(i * SLICE_BYTES, (i + 1) * SLICE_BYTES),
  )
