import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SourceError } from "./errors.ts"
import { catching } from "../kernel/catching.ts"
import type { Entry } from "./entry.ts"

/** How many bytes are read at once. */
const PIECE_BYTES = 1 << 20

/**
 * The content of an entry as a stream of bytes, whatever form the content has. An entry without content gives an empty
 * stream. The consumer may keep the pieces. When the content is in memory, its only piece is that memory itself.
 *
 * @example Read the content of a file in memory
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { contentStream, memorySource } from "@penstock/penstock"
 *
 * const source = memorySource({ "a.txt": { content: "Hello" } })
 * const [file] = await Effect.runPromise(Stream.runCollect(source.entries("a.txt", {})))
 * const pieces = await Effect.runPromise(Stream.runCollect(contentStream(file!)))
 * assert.equal(new TextDecoder().decode(pieces[0]), "Hello")
 * ```
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
