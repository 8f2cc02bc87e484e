/** From stored bytes to the content of a block: the inverse of what a plan does after `hash`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import {
  type Cipher,
  type Compressor,
  KernelError,
  type KernelSpec,
  type KernelTable,
  makeKernel,
} from "../kernel/kernel.ts"
import { release } from "../memory/release.ts"

/** Inverse of a compressor or a cipher. `limit`: no more bytes than that come out. Throws KernelError. */
export type Decode = (bytes: Uint8Array, limit: number) => Uint8Array

/** The same while this thread does other things. The input is not changed meanwhile. */
export type DecodeBeside = (bytes: Uint8Array, limit: number) => Promise<Uint8Array>

/**
 * Decoders that the runtime runs on threads of its own, by `stage:name`. What is absent runs on this one. One may
 * return `undefined` for bytes that are decoded faster here.
 */
export type BesideTable = {
  readonly [key: `compress:${string}` | `encrypt:${string}`]: (
    params: never,
  ) => (bytes: Uint8Array, limit: number) => Promise<Uint8Array> | undefined
}

/** The decoders beside this thread that are in use; none by default. */
export const Beside: Context.Reference<BesideTable> = Context.Reference<BesideTable>("penstock/Beside", {
  defaultValue: (): BesideTable => ({}),
})

/** The decoder of a kernel. */
export const decoder = (spec: KernelSpec, table: KernelTable): Decode => {
  if (spec.stage === "compress") return (makeKernel(spec, table) as Compressor).decode
  const cipher = makeKernel(spec, table) as Cipher
  return (bytes) => cipher.open(bytes)
}

/** Decodes a stored block to at most `limit` bytes. The output may share memory with the input. */
export type BlockDecoder = (stored: Uint8Array, limit: number) => Effect.Effect<Uint8Array, KernelError>

/** Runs some decoders one after the other, those that the runtime has threads for there. */
export const blockDecoder = (
  specs: ReadonlyArray<KernelSpec>,
  table: KernelTable,
  beside: BesideTable,
): BlockDecoder => {
  const decode = decodeThen(specs, table, beside)
  return (stored, limit) =>
    Effect.callback<Uint8Array, KernelError>((resume) =>
      decode(
        stored,
        limit,
        (bytes) => resume(Effect.succeed(bytes)),
        (error) => resume(error instanceof KernelError ? Effect.fail(error) : Effect.die(error)),
      )
    )
}

/**
 * The same without Effect: calls `done`, or `failed` with what was thrown; at once when every decoder runs on this
 * thread.
 */
export const decodeThen = (
  specs: ReadonlyArray<KernelSpec>,
  table: KernelTable,
  beside: BesideTable,
): (
  stored: Uint8Array,
  limit: number,
  done: (bytes: Uint8Array) => void,
  failed: (error: unknown) => void,
) => void => {
  const steps = specs.map((spec) => ({
    here: decoder(spec, table),
    there: beside[`${spec.stage}:${spec.name}` as keyof BesideTable]?.(spec.params as never),
  }))
  return (stored, limit, done, failed) => {
    const go = (bytes: Uint8Array, from: number): void => {
      for (let i = from; i < steps.length; i++) {
        const { here, there } = steps[i]!
        // What a step leaves behind is freed at once, but for the input of the first.
        const next = (out: Uint8Array): Uint8Array => {
          if (i > 0 && out.buffer !== bytes.buffer && bytes.buffer !== stored.buffer) release(bytes)
          return out
        }
        const coming = there?.(bytes, limit)
        if (coming !== undefined) {
          coming.then((out) => go(next(out), i + 1)).catch(failed)
          return
        }
        bytes = next(here(bytes, limit))
      }
      done(bytes)
    }
    try {
      go(stored, 0)
    } catch (error) {
      failed(error)
    }
  }
}
