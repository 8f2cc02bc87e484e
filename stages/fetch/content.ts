/** Makes the content of one file from its stored chunks. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkLength, RECORD_BYTES } from "../hash/chunk_list.ts"
import { catching } from "../kernel/catching.ts"
import { KernelError } from "../kernel/error.ts"
import { giveBack, Lender, PiecesLent } from "../memory/lent.ts"
import type { Stored } from "../plan/stored.ts"
import { StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import type { Content } from "../walk/entry.ts"
import { SourceError } from "../walk/errors.ts"
import type { Assembler } from "./assembler.ts"
import type { DamagedBlock } from "./blocks.ts"
import type { Pieces } from "./wanted.ts"

/** Reads of a large content that run while the result of another is used. */
const AHEAD = 2

/** The content of a small file whose pieces were read: bytes, or a stream that fails when a piece is damaged. */
export const smallContent = (assembler: Assembler, entry: Stored, pieces: Pieces | DamagedBlock): Content =>
  "damage" in pieces ? Stream.fail(damagedContent(entry, pieces)) : decodeContent(assembler, entry, joined(pieces))

/** The content of a large file: a stream that reads about `bytes` at a time. */
export const largeContent = (assembler: Assembler, entry: Stored, bytes: number): Content =>
  decodeContent(assembler, entry, streamed(assembler, entry, splitList(entry.chunks, bytes)))

/** Joins pieces. The result is lent, as the pieces were. */
const joined = (pieces: Pieces): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!
  const bytes = concat(pieces)
  giveBack(pieces)
  return bytes.length === 0 ? bytes : new Lender(bytes, true).lend(bytes)
}

/** Reads the pieces of one list after another. Reads ahead while the last pieces are used. */
const streamed = (
  assembler: Assembler,
  entry: Stored,
  lists: ReadonlyArray<Uint8Array>,
): Stream.Stream<Uint8Array, SourceError> => {
  const pieces = Stream.fromIterable(lists).pipe(
    Stream.rechunk(1),
    Stream.mapEffect(
      (list) =>
        assembler.read([list]).pipe(
          Effect.mapError((error) => contentError(entry.path, error)),
          Effect.flatMap(([pieces]): Effect.Effect<Pieces, SourceError> =>
            "damage" in pieces! ? Effect.fail(damagedContent(entry, pieces)) : Effect.succeed(pieces!)
          ),
        ),
      { concurrency: AHEAD },
    ),
  )
  return Stream.unwrap(Effect.map(PiecesLent, (lent) => {
    let last: Pieces = []
    return Stream.flattenIterable(
      !lent ? pieces : Stream.map(pieces, (now) => {
        giveBack(last)
        return last = now
      }),
    )
  }))
}

/** Splits a chunk list into lists of about `bytes` of content each, at least one chunk in each. */
const splitList = (list: Uint8Array, bytes: number): ReadonlyArray<Uint8Array> => {
  const out: Array<Uint8Array> = []
  let from = 0
  let size = 0
  for (let i = 0; i < chunkCount(list); i++) {
    if (size > 0 && size + chunkLength(list, i) > bytes) {
      out.push(list.subarray(from * RECORD_BYTES, i * RECORD_BYTES))
      from = i
      size = 0
    }
    size += chunkLength(list, i)
  }
  if (from < chunkCount(list)) out.push(list.subarray(from * RECORD_BYTES))
  return out
}

/** Applies the decoders of the whole content, and checks its length. */
const decodeContent = (
  assembler: Assembler,
  entry: Stored,
  content: Uint8Array | Stream.Stream<Uint8Array, SourceError>,
): Content => {
  const otherSize = (length: number) =>
    damagedContent(entry, { damage: `it has ${length} bytes instead of ${entry.size}` })
  if (content instanceof Uint8Array && assembler.transforms().length === 0) {
    return content.length === entry.size ? content : Stream.fail(otherSize(content.length))
  }
  const pieces = content instanceof Uint8Array ? Stream.succeed(content) : content
  return Stream.suspend(() => {
    const transforms = assembler.transforms()
    let length = 0
    const through = (from: number, bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
      from === transforms.length ? [bytes] : transforms[from]!.push(bytes).flatMap((piece) => through(from + 1, piece))
    const counted = (transform: () => ReadonlyArray<Uint8Array>) =>
      catching(KernelError, () => {
        const out = transform()
        for (const piece of out) length += piece.length
        return out
      }).pipe(Effect.mapError(({ message }) => damagedContent(entry, { damage: message })))
    const rest = counted(() =>
      transforms.flatMap((transform, i) => transform.end().flatMap((piece) => through(i + 1, piece)))
    )
    const end = Effect.suspend(() => length === entry.size ? Effect.void : Effect.fail(otherSize(length)))
    return Stream.flattenIterable(Stream.mapEffect(pieces, (bytes) => counted(() => through(0, bytes)))).pipe(
      Stream.concat(Stream.flattenIterable(Stream.fromEffect(rest))),
      Stream.concat(Stream.fromEffectDrain(end)),
    )
  })
}

const damagedContent = ({ path }: Stored, { cause, damage }: DamagedBlock): SourceError =>
  new SourceError({ reason: "damaged", path, message: `Its content is lost: ${damage}`, cause })

/**
 * Why the content of a file cannot be read: `damaged` when an object of it is lost, `io` when the whole store is out of
 * reach.
 */
export const contentError = (path: string, error: { readonly message: string }): SourceError =>
  error instanceof StoreError && !concernsObject(error)
    ? new SourceError({ reason: "io", path, message: `Its content cannot be read: ${error.message}`, cause: error })
    : new SourceError({ reason: "damaged", path, message: `Its content is lost: ${error.message}`, cause: error })
