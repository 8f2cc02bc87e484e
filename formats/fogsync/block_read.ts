/**
 * Reads blocks, puts envelopes together from them, and decodes these. A block is compared with its name before anything
 * in it is decrypted. SPEC.md, "Reading safely". Writing is in block_write.ts.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { Recent } from "../../stages/memory/recent.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import type { FormatError } from "../error.ts"
import { hashBlock } from "./block_write.ts"
import { type Bptr, startListDecoder } from "./bptr.ts"
import { startDecoder } from "./envelope.ts"
import { absent, asDamage, corrupt } from "./errors.ts"
import type { Keys } from "./keys.ts"
import { BLOCK_BYTES, blockObject } from "./layout.ts"
import { through } from "./through.ts"
import { concat } from "effect/Bytes"

/** Bytes of blocks that are kept in memory. What is stored together is mostly read together. */
const KEPT_BYTES = 64 * BLOCK_BYTES
/** Data of one block, and no longer than this, is decoded at once. */
const SMALL_BYTES = 1 << 20

/** Reads blocks, and keeps those in memory that were used last. */
export class BlockReader {
  readonly #store: ObjectStore
  readonly #keys: Keys
  readonly #kept = new Recent<string, Uint8Array>({ limit: KEPT_BYTES, bytesOf: ({ length }) => length })

  constructor(store: ObjectStore, keys: Keys) {
    this.#store = store
    this.#keys = keys
  }

  /**
   * Reads the part of a block that an address names. The bytes are a view that must not be changed. Fails with
   * `corrupt` when the block is missing, or does not match its name.
   */
  get(bptr: Bptr): Effect.Effect<Uint8Array, FormatError> {
    return Effect.suspend(() => {
      const id = bytesToHex(bptr.hash)
      const kept = this.#kept.get(id)
      const block = kept === undefined ? this.#fetch(bptr) : Effect.succeed(kept)
      return Effect.flatMap(block, (bytes) => {
        // A whole block belongs to one envelope, and is read once.
        if (bptr.start === 0 && bptr.end === BLOCK_BYTES) return Effect.succeed(bytes)
        if (kept === undefined) this.#kept.set(id, bytes)
        return bptr.end <= bytes.length
          ? Effect.succeed(bytes.subarray(bptr.start, bptr.end))
          : Effect.fail(corrupt(blockObject(bptr.hash), `${blockObject(bptr.hash)} is shorter than its address says`))
      })
    })
  }

  /** The data of the envelope at an address, at most `limit` bytes. `what` names the data in messages: `a listing`. */
  data(bptr: Bptr, what: string, limit?: number): Stream.Stream<Uint8Array, FormatError> {
    if (bptr.depth === 0 && limit !== undefined && limit <= SMALL_BYTES) {
      return Stream.fromEffect(this.#dataAtOnce(bptr, what, limit))
    }
    return Stream.suspend(() => {
      let parts = Stream.fromEffect(this.get(bptr))
      for (let depth = bptr.depth; depth > 0; depth--) {
        parts = this.#addresses(parts, bptr, depth - 1).pipe(
          Stream.mapEffect((address) => this.get(address), { concurrency: requestsAtOnce(this.#store) }),
        )
      }
      return this.#decoded(parts, bptr, what, limit)
    })
  }

  /** The hashes of all blocks that an address stands for, lists included. */
  blockHashes(bptr: Bptr): Stream.Stream<Uint8Array, FormatError> {
    return Stream.suspend(() => {
      let level: Stream.Stream<Bptr, FormatError> = Stream.succeed(bptr)
      let all: Stream.Stream<Uint8Array, FormatError> = Stream.succeed(bptr.hash)
      for (let depth = bptr.depth; depth > 0; depth--) {
        level = this.#addresses(Stream.mapEffect(level, (address) => this.get(address)), bptr, depth - 1)
        all = Stream.concat(all, Stream.map(level, ({ hash }) => hash))
      }
      return all
    })
  }

  /** As `data`, for data of one block that are short. */
  #dataAtOnce(bptr: Bptr, what: string, limit: number): Effect.Effect<Uint8Array, FormatError> {
    return Effect.flatMap(this.get(bptr), (envelope) =>
      Effect.mapError(
        catching(KernelError, () => {
          const decoder = startDecoder(this.#keys, limit)
          return concat([...decoder.push(envelope), ...decoder.end()])
        }),
        decodeError(bptr, what, limit),
      ))
  }

  #fetch({ end, hash, start }: Bptr): Effect.Effect<Uint8Array, FormatError> {
    const name = blockObject(hash)
    const whole = start === 0 && end === BLOCK_BYTES
    const size = whole
      ? Effect.succeed(BLOCK_BYTES)
      : Effect.map(absent(this.#store.stat(name)), (info) => Math.min(info?.size ?? -1, BLOCK_BYTES))
    const read = Effect.flatMap(size, (length): Effect.Effect<Uint8Array, FormatError> => {
      if (length < 0) return Effect.fail(corrupt(name, `${name} is missing`))
      return Effect.flatMap(
        this.#store.get(name, { offset: 0, length }),
        (bytes) =>
          hashBlock(this.#keys.hasher, bytes).every((byte, i) => byte === hash[i])
            ? Effect.succeed(bytes)
            : Effect.fail(corrupt(name, `${name} was altered or is damaged: its content does not match its name`)),
      ).pipe(Effect.mapError((error) => {
        if (error.reason === "not-found") return corrupt(name, `${name} is missing`, error)
        return error._tag === "StoreError" && error.reason === "corrupt"
          ? corrupt(name, `${name} is truncated`, error)
          : error
      }))
    })
    return Effect.mapError(readTwice(name, read), asDamage(name))
  }

  /** The addresses in a list. `parts` make its envelope; `of` is the address that it was reached from. */
  #addresses(
    parts: Stream.Stream<Uint8Array, FormatError>,
    of: Bptr,
    depth: number,
  ): Stream.Stream<Bptr, FormatError> {
    const name = blockObject(of.hash)
    return through(
      this.#decoded(parts, of, "a list of blocks"),
      () => startListDecoder(depth),
      ({ message }) => corrupt(name, `The list of blocks that begins in ${name} is not valid: ${message}`),
    )
  }

  #decoded(
    parts: Stream.Stream<Uint8Array, FormatError>,
    of: Bptr,
    what: string,
    limit?: number,
  ): Stream.Stream<Uint8Array, FormatError> {
    return through(parts, () => startDecoder(this.#keys, limit), decodeError(of, what, limit))
  }
}

/** Says why an envelope does not decode. */
const decodeError = (of: Bptr, what: string, limit?: number) => ({ message, reason }: KernelError): FormatError => {
  const name = blockObject(of.hash)
  return corrupt(
    name,
    reason === "forged"
      ? `The envelope of ${what} that begins in ${name} was not made with this key, or was altered`
      : reason === "limit"
      ? `The envelope of ${what} that begins in ${name} holds more than the ${limit} bytes that it should`
      : `The envelope of ${what} that begins in ${name} is damaged: ${message}`,
  )
}
