/** Reads a content once, whatever form it has, and learns whether it changed meanwhile. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SourceError } from "./errors.ts"
import { catching } from "../kernel/catching.ts"
import type { Content, Metadata, ReaderContent } from "./entry.ts"

/** How many bytes are read at once. */
const PIECE_BYTES = 1 << 20
/** The same for a content that claims size 0, which may not be true. */
const UNSIZED_BYTES = 1 << 16

/**
 * Hands a content of about `size` bytes to `take`, piece by piece. A piece may be overwritten when the effect of `take`
 * ends. Gives what a reader says at its end. Content of other forms counts as unchanged.
 */
export const feed = <E>(
  content: Content,
  size: number | undefined,
  take: (bytes: Uint8Array) => Effect.Effect<void, E>,
): Effect.Effect<{ readonly changed: boolean; readonly metadata?: Metadata }, E | SourceError> => {
  if (content instanceof Uint8Array) return Effect.as(take(content), { changed: false })
  if (Stream.isStream(content)) {
    return Effect.as(
      Stream.runForEach(content as Stream.Stream<Uint8Array, SourceError>, take),
      { changed: false },
    )
  }
  return Effect.acquireUseRelease(
    catching(SourceError, () => (content as ReaderContent).open()),
    Effect.fnUntraced(function* (reader) {
      const into = new Uint8Array(Math.min(PIECE_BYTES, size === 0 ? UNSIZED_BYTES : (size ?? PIECE_BYTES) + 1))
      for (;;) {
        const length = yield* catching(SourceError, () => reader.read(into))
        if (length > 0) yield* take(into.subarray(0, length))
        if (length < into.length) break
      }
      return yield* catching(SourceError, () => reader.finish())
    }),
    (reader) => Effect.sync(() => reader.close()),
  )
}
