/** The stored form of a content: zstd frames in an age file. Encoder and decoder. SPEC.md, "The file". */
import * as Effect from "effect/Effect"
import { zstdContent, zstdFrames } from "../../stages/compress/zstd_stream.ts"
import { sealHeader } from "../../stages/encrypt/age.ts"
import { type MakePayloadCipher, type OpenPayload, openPayload, sealPayload } from "../../stages/encrypt/age_payload.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { Transform } from "../../stages/kernel/frames.ts"
import { type Compressor, KernelError } from "../../stages/kernel/kernel.ts"
import type { RepositoryError } from "../error.ts"
import { fromKernelError, unsupported } from "./errors.ts"

/** The kernels that a content goes through. */
export interface ContentKernels {
  readonly cipher: MakePayloadCipher
  readonly zstd: Compressor
}

/** Turns a content into an age file, piece by piece. The methods throw KernelError. */
export class ContentEncoder {
  readonly #frames: Transform
  readonly #payload: Transform
  readonly #header: Uint8Array
  #started = false
  /** Stored bytes so far. */
  length = 0

  constructor({ cipher, zstd }: ContentKernels, header: Uint8Array, fileKey: Uint8Array) {
    this.#frames = zstdFrames(zstd)
    this.#payload = sealPayload(cipher, fileKey)
    this.#header = header
  }

  /** Takes the next bytes of the content, and returns the stored bytes that are ready. Does not keep its argument. */
  push(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    return this.#count(this.#frames.push(bytes).flatMap((frame) => this.#payload.push(frame)))
  }

  /** Ends the content, and returns the rest of the stored bytes. `mark` goes behind the frames. */
  end(mark: Uint8Array = new Uint8Array(0)): ReadonlyArray<Uint8Array> {
    const frames = mark.length === 0 ? this.#frames.end() : [...this.#frames.end(), mark]
    return this.#count([...frames.flatMap((frame) => this.#payload.push(frame)), ...this.#payload.end()])
  }

  #count(parts: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> {
    const all = this.#started ? parts : [this.#header, ...parts]
    this.#started = true
    for (const part of all) this.length += part.length
    return all
  }
}

/** Starts an encoder for these recipients. Fails with `unsupported` when there is none, or one is not valid. */
export const startEncoder = (
  kernels: ContentKernels,
  recipients: ReadonlyArray<string>,
): Effect.Effect<ContentEncoder, RepositoryError> =>
  recipients.length === 0
    ? Effect.fail(unsupported("A content without recipients could be read by nobody: give at least one"))
    : sealHeader({ recipients }).pipe(
      Effect.map(({ fileKey, header }) => new ContentEncoder(kernels, header, fileKey)),
      Effect.mapError(fromKernelError),
    )

/** Runs a step of an encoder. A kernel that throws makes it fail with `unsupported`. */
export const encoding = <A>(step: () => A): Effect.Effect<A, RepositoryError> =>
  catching(KernelError, step).pipe(Effect.mapError(fromKernelError))

/**
 * Turns an age file back into a content, in two steps, so that bytes that were read wrongly can be read again before
 * they are decompressed. Both steps throw KernelError.
 */
export interface ContentDecoder {
  /** Takes stored bytes from behind the header, and returns authentic zstd frames. */
  readonly payload: OpenPayload
  /** Takes the frames, and returns the content. */
  readonly frames: Transform
}

/** Starts a decoder for a content of at most `limit` bytes. `fileKey` comes from the header of the age file. */
export const startDecoder = (
  { cipher, zstd }: ContentKernels,
  fileKey: Uint8Array,
  limit: number,
): ContentDecoder => ({ payload: openPayload(cipher, fileKey), frames: zstdContent(zstd, limit) })
