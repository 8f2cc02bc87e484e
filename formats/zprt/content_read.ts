/** Reads stored contents of any size, in bounded memory. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SourceError } from "../../stages/walk/errors.ts"
import { AGE_HEADER_MAXIMUM, headerLength, isAge } from "../../stages/encrypt/age_header.ts"
import { contentError } from "../../stages/fetch/content.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { Afresh, readTwice } from "../../stages/store/second_read.ts"
import { startDecoder } from "./content.ts"
import type { StoredContent } from "./index.ts"
import { ARCHIVE, readArchive } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Bytes that are read with one request: at least as many as any header has. */
export const READ_BYTES: number = 1 << 20

/** Where an age file lies in an archive. */
export interface Place {
  /** Where it begins in the archive, in bytes. */
  readonly offset: number
  /** How long it is, in bytes. */
  readonly length: number
}

type Step = () => ReadonlyArray<Uint8Array>

/**
 * Decodes the age file at a place into at most `limit` bytes. `path` is for errors. Stored bytes that are not authentic
 * are read a second time. Fails with `denied` when no identity at hand opens it, with `damaged`, or with `io`.
 */
export const storedContent = (
  opened: Opened,
  { length, offset }: Place,
  path: string,
  limit: number,
): Stream.Stream<Uint8Array, SourceError> => {
  const { keyring, store } = opened
  const damaged = (how: string): SourceError =>
    new SourceError({ reason: "damaged", path, message: `Its content is lost: ${how}` })
  const readTo = (at: number, end: number): Effect.Effect<Uint8Array, SourceError> =>
    Effect.mapError(readArchive(store, offset + at, end - at), (error) => contentError(path, error))
  const readPiece = (at: number) => readTo(at, Math.min(at + READ_BYTES, length))
  const readHeader = Effect.gen(function* () {
    const first = yield* readPiece(0)
    if (!isAge(first)) return yield* damaged(`there is no age file at ${offset} of the archive`)
    const headerBytes = headerLength(first.subarray(0, AGE_HEADER_MAXIMUM))
    if (headerBytes === undefined) return yield* damaged(`the header at ${offset} of the archive has no end`)
    const header = yield* keyring.keys.open(first.subarray(0, headerBytes)).pipe(
      Effect.mapError(({ message }) => damaged(message)),
    )
    if (header === undefined) {
      return yield* new SourceError({
        reason: "denied",
        path,
        message: "It cannot be read with the identities given: it is encrypted for others, or its header is damaged",
      })
    }
    return { first, headerBytes, fileKey: header.fileKey }
  })
  return Stream.unwrap(Effect.gen(function* () {
    const { fileKey, first, headerBytes } = yield* readTwice(ARCHIVE, readHeader, ({ reason }) => reason === "denied")
    const { frames, payload } = startDecoder(opened, fileKey, limit)
    const decode = (step: Step) => catching(KernelError, step).pipe(Effect.mapError(({ message }) => damaged(message)))
    /** The end of the stored bytes that the payload decoder has got. */
    let pushed = headerBytes
    /** Decrypts. If that fails, goes back to the first chunk that is not authentic and reads from there again. */
    const decrypt = (step: Step, last = false): Effect.Effect<ReadonlyArray<Uint8Array>, SourceError> => {
      const again = Effect.flatMap(
        Effect.suspend(() => readTo(headerBytes + payload.rewind(), pushed)),
        (bytes) => decode(() => [...payload.push(bytes), ...(last ? payload.end() : [])]),
      )
      return readTwice(
        ARCHIVE,
        Effect.flatMap(Afresh, (afresh) => afresh ? again : decode(step)),
      )
    }
    const stored = Stream.concat(
      Stream.succeed(first.subarray(headerBytes)),
      Stream.unfold(
        first.length,
        (at) =>
          at >= length ? Effect.succeed(undefined) : Effect.map(readPiece(at), (bytes) => [bytes, at + bytes.length]),
      ),
    )
    const rest = Stream.fromEffect(
      Effect.flatMap(
        Effect.suspend(() => decrypt(() => payload.end(), true)),
        (pieces) => decode(() => [...pieces.flatMap((piece) => frames.push(piece)), ...frames.end()]),
      ),
    )
    return stored.pipe(
      Stream.mapEffect((bytes) => {
        pushed += bytes.length
        return Effect.flatMap(
          decrypt(() => payload.push(bytes)),
          (pieces) => decode(() => pieces.flatMap((piece) => frames.push(piece))),
        )
      }),
      Stream.concat(rest),
      Stream.flattenIterable,
    )
  }))
}

/** The content of a file. Fails at its end with `damaged` when its size or hash is not what the index says. */
export const fileContent = (
  opened: Opened,
  stored: StoredContent,
  path: string,
): Stream.Stream<Uint8Array, SourceError> =>
  Stream.suspend(() => {
    const state = opened.hasher.create()
    let size = 0
    const verify = Effect.suspend(() => {
      const same = size === stored.size && state.digest().every((byte, i) => byte === stored.hash[i])
      if (same) return Effect.void
      const message = `Its content is lost: another content is stored at ${stored.offset} of the archive`
      return Effect.fail(new SourceError({ reason: "damaged", path, message }))
    })
    return storedContent(opened, stored, path, stored.size).pipe(
      Stream.map((bytes) => {
        state.update(bytes)
        size += bytes.length
        return bytes
      }),
      Stream.concat(Stream.fromEffectDrain(verify)),
    )
  })
