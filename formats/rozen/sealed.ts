/**
 * Objects that are encrypted in one piece (`.idx`, `.roz-log` and `.forgotten`): the header, then the body, compressed
 * and sealed with header and name as additional data, then the signature. SPEC.md, "Sealing" and "Object header".
 */
import * as Effect from "effect/Effect"
import { adaptive } from "../../stages/compress/adaptive.ts"
import { zstd } from "../../stages/compress/zstd.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel/kernel.ts"
import { boundTo } from "../../stages/pack/pack_layout.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { type ObjectStore, StoreError, type WriteOptions } from "../../stages/store/store.ts"
import { readWhole } from "../read_whole.ts"
import { RepositoryError } from "../error.ts"
import { corrupt, fromKernelError } from "./errors.ts"
import type { HeaderProblem } from "./header.ts"
import type { KnownSigner } from "./keyring.ts"
import { firstProblem, type Layout, type SealedKind } from "./layout.ts"
import { SIGNED_BYTES } from "./signed.ts"

/**
 * Writes `body` as an object. Gives the bytes stored. Fails with StoreError `exists` when the name is taken, and with
 * `invalid` when the body is too long to be read again.
 */
export const putSealed: (
  store: ObjectStore,
  layout: Layout,
  kind: SealedKind,
  name: string,
  body: Uint8Array,
  options?: WriteOptions,
) => Effect.Effect<number, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, layout, { atMost, key, magic }, name, body, options) {
    const table = yield* Kernels
    const run = yield* Effect.mapError(layout.runs.current, fromKernelError)
    const header = layout.header(magic, run.tag)
    const sealed = yield* Effect.try({
      try: () =>
        makeKernel(run[key], table).seal(makeKernel(adaptive(zstd()), table).encode(body), boundTo(header, name)),
      catch: (error) => fromKernelError(error as KernelError),
    })
    const size = header.length + sealed.length + SIGNED_BYTES
    if (Math.max(body.length, size) > atMost) {
      const message = `Cannot write ${name}: it would have more than ${atMost} bytes, and could not be read again`
      return yield* new StoreError({ reason: "invalid", object: name, message })
    }
    const signature = yield* Effect.mapError(layout.signatures.sign(name, [header, sealed]), fromKernelError)
    yield* store.put(name, [header, sealed, signature], options)
    return size
  },
)

/** What an object holds, and who wrote it. */
export interface SealedBody {
  readonly body: Uint8Array
  readonly by: KnownSigner
}

/**
 * Reads the body of an object, and reads it again when it is not what it should be. Fails with RepositoryError
 * `corrupt` or `newer`, and with `corrupt` for an object of another repository.
 */
export const getSealed: (
  store: ObjectStore,
  layout: Layout,
  kind: SealedKind,
  name: string,
) => Effect.Effect<SealedBody, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, layout, { atMost, key, magic }, name) {
    const table = yield* Kernels
    const stored = yield* readWhole(store, name, atMost)
    const { by, bytes } = yield* Effect.mapError(
      layout.signatures.verify(name, stored),
      (problem) => headerError(name, firstProblem(layout.tagIn(magic, stored), problem)),
    )
    const tag = layout.tagIn(magic, bytes)
    if ("what" in tag) return yield* headerError(name, tag)
    const run = yield* Effect.mapError(layout.runs.open(tag), (problem) => headerError(name, problem))
    const { length } = layout.header(magic, run.tag)
    return yield* Effect.try({
      try: () => {
        const opened = makeKernel(run[key], table).open(
          bytes.subarray(length),
          boundTo(bytes.subarray(0, length), name),
        )
        return { body: makeKernel(adaptive(zstd()), table).decode(opened, atMost), by }
      },
      catch: (error) => {
        if (!(error instanceof KernelError)) throw error
        return corrupt(name, `${name} was altered, or is damaged or truncated`)
      },
    })
  },
  (read, _store, _layout, _kind, name) => readTwice(name, read),
)

const headerError = (object: string, { reason, what }: HeaderProblem): RepositoryError =>
  reason === "newer"
    ? new RepositoryError({ reason, object, message: `${object} ${what}; use a later one` })
    : corrupt(object, `${object} ${what}`)
