/**
 * Objects that are encrypted in one piece (`.idx` and `.roz-log`): the header, then the body, compressed and sealed
 * with header and name as additional data. SPEC.md, "Sealing" and "Object header".
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
import { BLOCK_VERSION, decodeHeader } from "./header.ts"
import type { Layout, SealedKind } from "./layout.ts"

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
  function* (store, layout, { atMost, cipher, magic }, name, body, options) {
    const table = yield* Kernels
    const header = layout.header(magic)
    const sealed = yield* Effect.try({
      try: () =>
        makeKernel(cipher, table).seal(makeKernel(adaptive(zstd()), table).encode(body), boundTo(header, name)),
      catch: (error) => fromKernelError(error as KernelError),
    })
    if (Math.max(body.length, header.length + sealed.length) > atMost) {
      const message = `Cannot write ${name}: it would have more than ${atMost} bytes, and could not be read again`
      return yield* new StoreError({ reason: "invalid", object: name, message })
    }
    yield* store.put(name, [header, sealed], options)
    return header.length + sealed.length
  },
)

/**
 * Reads the body of an object, and reads it again when it is not what it should be. Fails with RepositoryError
 * `corrupt` or `newer`, and with `corrupt` for an object of another repository.
 */
export const getSealed: (
  store: ObjectStore,
  layout: Layout,
  kind: SealedKind,
  name: string,
) => Effect.Effect<Uint8Array, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, layout, { atMost, cipher, magic }, name) {
    const table = yield* Kernels
    const bytes = yield* readWhole(store, name, atMost)
    const header = decodeHeader(magic, BLOCK_VERSION, bytes)
    if ("what" in header) {
      return yield* new RepositoryError({
        reason: header.reason === "newer" ? "newer" : "corrupt",
        object: name,
        message: `${name} ${header.what}${header.reason === "newer" ? "; use a later one" : ""}`,
      })
    }
    // Another repository may have the same key, but it has another header.
    const own = layout.header(magic)
    if (header.length !== own.length || own.some((byte, i) => byte !== bytes[i])) {
      return yield* corrupt(name, `The header of ${name} was altered, or it is of another repository`)
    }
    return yield* Effect.try({
      try: () => {
        const opened = makeKernel(cipher, table).open(
          bytes.subarray(header.length),
          boundTo(bytes.subarray(0, header.length), name),
        )
        return makeKernel(adaptive(zstd()), table).decode(opened, atMost)
      },
      catch: (error) => {
        if (!(error instanceof KernelError)) throw error
        return corrupt(name, `${name} was altered, or is damaged or truncated`)
      },
    })
  },
  (read, _store, _layout, _kind, name) => readTwice(name, read),
)
