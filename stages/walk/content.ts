import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SourceError } from "./errors.ts"
import { catching } from "../kernel/catching.ts"
import type { Entry } from "./entry.ts"

/** Bytes that are read at once from a reader. */
const PIECE_BYTES = 1 << 20

/**
 * The content of an entry as a stream, whichever form it has; empty for what has none. Pieces are the consumer's to
 * keep, but those of content that is in memory already share that memory.
 */
export const contentStream = ({ content }: Entry): Stream.Stream<Uint8Array, SourceError> => {
  if (content === undefined) return Stream.empty
  if (content instanceof Uint8Array) return content.length === 0 ? Stream.empty : Stream.succeed(content)
  if (Stream.isStream(content)) return content
  const pieces = Effect.gen(function* () {
    const reader = yield* Effect.acquireRelease(
      catching(SourceError, () => content.open()),
      (reader) => Effect.sync(() => reader.close()),
    )
    const next = catching(SourceError, () => {
      const piece = new Uint8Array(PIECE_BYTES)
      return piece.subarray(0, reader.read(piece))
    })
    return Stream.fromEffectRepeat(next).pipe(
      Stream.takeUntil((piece) => piece.length < PIECE_BYTES),
      Stream.filter((piece) => piece.length > 0),
    )
  })
  return Stream.unwrap(pieces)
}
