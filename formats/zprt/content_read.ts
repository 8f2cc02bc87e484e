/** Reads contents: an age file of zstd each, of any size, in bounded memory. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { zstdContent } from "../../stages/compress/zstd_stream.ts"
import { AGE_HEADER_MAXIMUM, headerLength, isAge } from "../../stages/encrypt/age.ts"
import { openPayload } from "../../stages/encrypt/age_payload.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { contentError } from "../../stages/fetch/contents.ts"
import { Afresh, readTwice } from "../../stages/store/second_read.ts"
import { SourceError } from "../../stages/walk/source.ts"
import type { StoredContent } from "./index.ts"
import { ARCHIVE, readArchive } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Bytes that are read at once. At least as long as any header. */
export const READ_BYTES: number = 1 << 20

/** Where an age file lies in an archive. */
export interface Place {
  readonly offset: number
  readonly length: number
}

/**
 * What an age file at a place holds, decompressed, at most `limit` bytes. Fails with `denied` when no identity at hand
 * opens it, `damaged`, or `io`.
 */
export const storedContent = (
  { cipher, keyring, store, zstd }: Opened,
  { length, offset }: Place,
  path: string,
  limit: number,
): Stream.Stream<Uint8Array, SourceError> => {
  const damaged = (how: string): SourceError =>
    new SourceError({ reason: "damaged", path, message: `Its content is lost: ${how}` })
  const readTo = (at: number, end: number): Effect.Effect<Uint8Array, SourceError> =>
    Effect.mapError(readArchive(store, offset + at, end - at), (error) => contentError(path, error))
  const read = (at: number) => readTo(at, Math.min(at + READ_BYTES, length))
  const start = Effect.gen(function* () {
    const first = yield* read(0)
    if (!isAge(first)) return yield* damaged(`there is no age file at ${offset} of the archive`)
    const header = headerLength(first.subarray(0, AGE_HEADER_MAXIMUM))
    if (header === undefined) return yield* damaged(`the header at ${offset} of the archive has no end`)
    const opening = yield* keyring.keys.open(first.subarray(0, header)).pipe(
      Effect.mapError(({ message }) => damaged(message)),
    )
    if (opening === undefined) {
      return yield* new SourceError({
        reason: "denied",
        path,
        message: "It cannot be read with the identities given: it is encrypted for others, or its header is damaged",
      })
    }
    return { first, header, opening }
  })
  return Stream.unwrap(Effect.gen(function* () {
    const { first, header, opening } = yield* readTwice(ARCHIVE, start, ({ reason }) => reason === "denied")
    const payload = openPayload(cipher, opening.fileKey)
    const content = zstdContent(zstd, limit)
    const decode = (run: () => ReadonlyArray<Uint8Array>) =>
      catching(KernelError, run).pipe(Effect.mapError(({ message }) => damaged(message)))
    let pushed = header
    /** What is not authentic is read once more. */
    const open = (
      run: () => ReadonlyArray<Uint8Array>,
      end = false,
    ): Effect.Effect<ReadonlyArray<Uint8Array>, SourceError> => {
      const again = Effect.flatMap(
        Effect.suspend(() => readTo(header + payload.rewind(), pushed)),
        (bytes) => decode(() => [...payload.push(bytes), ...(end ? payload.end() : [])]),
      )
      return readTwice(
        ARCHIVE,
        Effect.flatMap(Afresh, (afresh) => afresh ? again : decode(run)),
      )
    }
    const stored = Stream.concat(
      Stream.succeed(first.subarray(header)),
      Stream.unfold(
        first.length,
        (at) => at >= length ? Effect.succeed(undefined) : Effect.map(read(at), (bytes) => [bytes, at + bytes.length]),
      ),
    )
    const rest = Stream.fromEffect(
      Effect.flatMap(
        Effect.suspend(() => open(() => payload.end(), true)),
        (pieces) => decode(() => [...pieces.flatMap((piece) => content.push(piece)), ...content.end()]),
      ),
    )
    return stored.pipe(
      Stream.mapEffect((bytes) => {
        pushed += bytes.length
        return Effect.flatMap(
          open(() => payload.push(bytes)),
          (pieces) => decode(() => pieces.flatMap((piece) => content.push(piece))),
        )
      }),
      Stream.concat(rest),
      Stream.flattenIterable,
    )
  }))
}

/** The content of a file. Fails at its end with `damaged` when it is not what the index says. */
export const fileContent = (
  opened: Opened,
  stored: StoredContent,
  path: string,
): Stream.Stream<Uint8Array, SourceError> =>
  Stream.suspend(() => {
    const state = opened.hasher.create()
    let size = 0
    const check = Effect.suspend(() => {
      const same = size === stored.size && state.digest().every((byte, i) => byte === stored.hash[i])
      if (same) return Effect.void
      const message = `Its content is lost: what is stored at ${stored.offset} of the archive is another`
      return Effect.fail(new SourceError({ reason: "damaged", path, message }))
    })
    return storedContent(opened, stored, path, stored.size).pipe(
      Stream.map((bytes) => {
        state.update(bytes)
        size += bytes.length
        return bytes
      }),
      Stream.concat(Stream.fromEffectDrain(check)),
    )
  })
