/**
 * Blocks to envelopes to data. Nothing is decrypted before the block that it is in was compared with its name. SPEC.md,
 * "Reading".
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Recent } from "../../stages/memory/recent.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import type { FormatError } from "../error.ts"
import { BLOCK_BYTES, type Bptr, BPTR_BYTES, decodeBptr } from "./bptr.ts"
import { hashBlock } from "./block_write.ts"
import { type Keys, startDecoder } from "./envelope.ts"
import { absent, asDamage, corrupt } from "./errors.ts"
import { blockObject } from "./layout.ts"

/** Bytes of blocks that are kept in memory: what is stored together is mostly read together. */
const KEPT_BYTES = 64 * BLOCK_BYTES
/** Data of one block that is no longer than this is opened at once. */
const SMALL_BYTES = 1 << 20
/** Bytes that go through a transform at once: decompressed, they may be a thousand times as many. */
const SLICE_BYTES = 8 << 10

/** Reads blocks, and remembers some. */
export class BlockReader {
  readonly #store: ObjectStore
  readonly #keys: Keys
  readonly #kept = new Recent<string, Uint8Array>({ limit: KEPT_BYTES, bytesOf: ({ length }) => length })

  constructor(store: ObjectStore, keys: Keys) {
    this.#store = store
    this.#keys = keys
  }

  /**
   * The part of a block that an address names: a view, not to be changed. Fails with `corrupt` when the block is not
   * what its name says.
   */
  get(bptr: Bptr): Effect.Effect<Uint8Array, FormatError> {
    return Effect.suspend(() => {
      const id = bytesToHex(bptr.hash)
      const kept = this.#kept.get(id)
      const block = kept === undefined ? this.#fetch(bptr) : Effect.succeed(kept)
      return Effect.flatMap(block, (bytes) => {
        if (bptr.start === 0 && bptr.end === BLOCK_BYTES) return Effect.succeed(bytes)
        if (kept === undefined) this.#kept.set(id, bytes)
        return bptr.end <= bytes.length
          ? Effect.succeed(bytes.subarray(bptr.start, bptr.end))
          : Effect.fail(corrupt(blockObject(bptr.hash), `${blockObject(bptr.hash)} is shorter than its address says`))
      })
    })
  }

  /** The data of the envelope at an address, at most `limit` bytes of it. `what` is for messages: `a listing`. */
  data(bptr: Bptr, what: string, limit?: number): Stream.Stream<Uint8Array, FormatError> {
    if (bptr.depth === 0 && limit !== undefined && limit <= SMALL_BYTES) {
      return Stream.fromEffect(this.#small(bptr, what, limit))
    }
    return Stream.suspend(() => {
      let pieces = Stream.fromEffect(this.get(bptr))
      for (let depth = bptr.depth; depth > 0; depth--) {
        pieces = this.#addresses(pieces, bptr, depth - 1).pipe(
          Stream.mapEffect((address) => this.get(address), { concurrency: requestsAtOnce(this.#store) }),
        )
      }
      return this.#opened(pieces, bptr, what, limit)
    })
  }

  /** The same at once, for data that is known to be short. */
  #small(bptr: Bptr, what: string, limit: number): Effect.Effect<Uint8Array, FormatError> {
    return Effect.flatMap(this.get(bptr), (envelope) =>
      Effect.mapError(
        catching(KernelError, () => {
          const transform = startDecoder(this.#keys, limit)
          return concat([...transform.push(envelope), ...transform.end()])
        }),
        refused(bptr, what, limit),
      ))
  }

  /** The hashes of all blocks that an address stands for, lists included. */
  blocks(bptr: Bptr): Stream.Stream<Uint8Array, FormatError> {
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
            : Effect.fail(corrupt(name, `${name} was altered or is damaged: its content does not fit its name`)),
      ).pipe(Effect.mapError((error) => {
        if (error.reason === "not-found") return corrupt(name, `${name} is missing`, error)
        return error._tag === "StoreError" && error.reason === "corrupt"
          ? corrupt(name, `${name} is truncated`, error)
          : error
      }))
    })
    return Effect.mapError(readTwice(name, read), asDamage(name))
  }

  /** The addresses in the list whose envelope the pieces are. */
  #addresses(
    pieces: Stream.Stream<Uint8Array, FormatError>,
    of: Bptr,
    depth: number,
  ): Stream.Stream<Bptr, FormatError> {
    const name = blockObject(of.hash)
    const bad = (what: string) => corrupt(name, `The list of blocks that begins in ${name} is not valid: ${what}`)
    return Stream.suspend(() => {
      let rest: Uint8Array = new Uint8Array(0)
      const addresses = (data: Uint8Array): Effect.Effect<ReadonlyArray<Bptr>, FormatError> => {
        const bytes = new Uint8Array(rest.length + data.length)
        bytes.set(rest)
        bytes.set(data, rest.length)
        const out: Array<Bptr> = []
        let at = 0
        for (; at + BPTR_BYTES <= bytes.length; at += BPTR_BYTES) {
          const address = decodeBptr(bytes, at)
          if (address?.depth !== depth) return Effect.fail(bad("one of its addresses cannot be"))
          out.push(address)
        }
        rest = bytes.slice(at)
        return Effect.succeed(out)
      }
      return Stream.flattenIterable(Stream.mapEffect(this.#opened(pieces, of, "a list of blocks"), addresses)).pipe(
        Stream.concat(
          Stream.fromEffectDrain(
            Effect.suspend(() => rest.length === 0 ? Effect.void : Effect.fail(bad("it ends within an address"))),
          ),
        ),
      )
    })
  }

  #opened(
    pieces: Stream.Stream<Uint8Array, FormatError>,
    of: Bptr,
    what: string,
    limit?: number,
  ): Stream.Stream<Uint8Array, FormatError> {
    return through(pieces, () => startDecoder(this.#keys, limit), refused(of, what, limit))
  }
}

/** Why an envelope does not open. */
const refused = (of: Bptr, what: string, limit?: number) => ({ message, reason }: KernelError): FormatError => {
  const name = blockObject(of.hash)
  return corrupt(
    name,
    reason === "forged"
      ? `The envelope of ${what} that begins in ${name} was not sealed with this key, or was altered`
      : reason === "limit"
      ? `The envelope of ${what} that begins in ${name} holds more than the ${limit} bytes that it should`
      : `The envelope of ${what} that begins in ${name} is damaged: ${message}`,
  )
}

/**
 * Puts a stream of bytes through a transform of its own. What the transform throws fails the stream as `error` says.
 */
export const through = <A, E, E2>(
  self: Stream.Stream<Uint8Array, E>,
  make: () => {
    readonly push: (bytes: Uint8Array) => ReadonlyArray<A>
    readonly end: () => ReadonlyArray<A>
  },
  error: (error: KernelError) => E2,
): Stream.Stream<A, E | E2> =>
  Stream.suspend(() => {
    const transform = make()
    const run = (step: () => ReadonlyArray<A>) => Effect.mapError(catching(KernelError, step), error)
    return self.pipe(
      Stream.map(slices),
      Stream.flattenIterable,
      Stream.mapEffect((bytes) => run(() => transform.push(bytes))),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => run(() => transform.end())))),
      Stream.flattenIterable,
    )
  })

const slices = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: Math.ceil(bytes.length / SLICE_BYTES) },
    (_, i) => bytes.subarray(i * SLICE_BYTES, (i + 1) * SLICE_BYTES),
  )
