/**
 * Runs. Whoever writes draws a key for all that it writes, and puts it into the header of each object, wrapped: so any
 * object explains itself, and with the loss of one object nothing else is lost. SPEC.md, "Runs".
 */
import { hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { FILE_KEY_BYTES, unwrapHybrid, wrapHybrid, WRAPPED_BYTES } from "../../stages/encrypt/age_hybrid.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError, Kernels, type KernelSpec, makeKernel } from "../../stages/kernel/kernel.ts"
import { Recent } from "../../stages/memory/recent.ts"
import type { HeaderProblem } from "./header.ts"
import { currentEpoch, type EpochKeys, keyFor, type Keyring } from "./keyring.ts"

/** Kinds of wrapping. `SECRET`: with a secret of those who can read. `PUBLIC`: for their age recipient. */
export const SECRET = 1
export const PUBLIC = 2

/** Bytes of a tag before the wrapping: u32 epoch, u8 kind. */
const TAG_HEAD_BYTES = 5
/** Bytes of each wrapping. That with a secret is a nonce, the file key and the tag of the cipher. */
const WRAPPING_BYTES: { readonly [kind: number]: number } = {
  [SECRET]: 24 + FILE_KEY_BYTES + 16,
  [PUBLIC]: WRAPPED_BYTES,
}

/** Runs whose keys are remembered. One takes some 2 KB. */
const KEPT_RUNS = 4096

/** The keys of a run, for each kind of thing that it writes. */
export interface Run {
  /** What headers say of it: u32 epoch, u8 kind of wrapping, and the wrapped key. */
  readonly tag: Uint8Array
  readonly blocks: KernelSpec<"encrypt">
  readonly footers: KernelSpec<"encrypt">
  readonly logs: KernelSpec<"encrypt">
  readonly snapshots: KernelSpec<"encrypt">
  readonly forgotten: KernelSpec<"encrypt">
}

/** The runs of a repository. */
export interface Runs {
  /** The run of what is written here. It is drawn when it is first asked for. */
  readonly current: Effect.Effect<Run, KernelError>
  /** Opens the key of a run, and remembers it. */
  readonly open: (tag: Uint8Array) => Effect.Effect<Run, HeaderProblem>
}

/** The bytes of an epoch's number. */
export const epochBytes = (number: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, number, true)
  return bytes
}

/** Makes the runs of whoever has these keys. */
export const makeRuns = (keyring: Keyring): Runs => {
  const opened = new Recent<string, Run>({ limit: KEPT_RUNS, bytesOf: () => 1 })
  const keyOf = (tag: Uint8Array): string => String.fromCharCode(...tag)
  const one = Semaphore.makeUnsafe(1)
  let current: Run | undefined

  const start = Effect.gen(function* () {
    if (current !== undefined) return current
    const fileKey = Redacted.make(crypto.getRandomValues(new Uint8Array(FILE_KEY_BYTES)))
    current = runOf(yield* wrapKey(keyring, fileKey), fileKey)
    opened.set(keyOf(current.tag), current)
    return current
  })

  return {
    current: Semaphore.withPermit(one, start),
    open: Effect.fnUntraced(function* (tag) {
      const key = keyOf(tag)
      const known = opened.get(key)
      if (known !== undefined) return known
      const own = tag.slice()
      const run = runOf(own, yield* unwrapKey(keyring, own))
      opened.set(key, run)
      return run
    }),
  }
}

/** The keys of the run with this file key. */
export const runOf = (tag: Uint8Array, fileKey: Redacted.Redacted<Uint8Array>): Run => {
  const key = keyFor(fileKey, "run")
  return {
    tag,
    blocks: aes256gcm(keyFor(key, "blocks")),
    footers: aes256gcm(keyFor(key, "pack footers")),
    logs: aes256gcm(keyFor(key, "logs")),
    snapshots: aes256gcm(keyFor(key, "snapshots")),
    forgotten: aes256gcm(keyFor(key, "forgotten")),
  }
}

/** Wraps the file key of a new run. Gives its tag. Fails with KernelError. */
export const wrapKey: (
  keyring: Pick<Keyring, "id" | "epochs">,
  fileKey: Redacted.Redacted<Uint8Array>,
) => Effect.Effect<Uint8Array, KernelError> = Effect.fnUntraced(function* ({ epochs, id }, fileKey) {
  const epoch = currentEpoch({ epochs })
  const number = epochBytes(epoch.number)
  if (epoch.runs === undefined) {
    return concat([number, Uint8Array.of(PUBLIC), yield* wrapHybrid(epoch.recipient, Redacted.value(fileKey))])
  }
  const spec = aes256gcm(epoch.runs)
  const table = yield* Kernels
  const aad = concat([hexToBytes(id), number])
  const sealed = yield* catching(KernelError, () => makeKernel(spec, table).seal(Redacted.value(fileKey), aad))
  return concat([number, Uint8Array.of(SECRET), sealed])
})

const problem = (reason: HeaderProblem["reason"], what: string): HeaderProblem => ({ reason, what })

/** Opens the file key of a tag. */
const unwrapKey = Effect.fnUntraced(function* ({ epochs, id }: Keyring, tag: Uint8Array): Effect.fn.Return<
  Redacted.Redacted<Uint8Array>,
  HeaderProblem
> {
  if (tag.length < TAG_HEAD_BYTES) return yield* Effect.fail(problem("corrupt", "does not say what opens it"))
  const number = new DataView(tag.buffer, tag.byteOffset).getUint32(0, true)
  const kind = tag[4]!
  const wrapping = tag.subarray(TAG_HEAD_BYTES)
  if (WRAPPING_BYTES[kind] === undefined) {
    return yield* Effect.fail(problem("newer", `has a key of kind ${kind}, which this Penstock cannot open`))
  }
  if (wrapping.length !== WRAPPING_BYTES[kind]) {
    return yield* Effect.fail(
      problem("corrupt", `has a wrapped key of ${wrapping.length} bytes: it was cut or altered`),
    )
  }
  const epoch = epochs.find((epoch) => epoch.number === number)
  if (epoch === undefined) {
    const what = `needs keys of epoch ${number}, which these are not: they are of ${epochsOf(epochs)}`
    return yield* Effect.fail(problem("forged", what))
  }
  if (epoch.runs === undefined || epoch.sealing === undefined) {
    return yield* Effect.fail(problem("forged", "can be opened by owners and readers only"))
  }
  const fileKey = kind === SECRET
    ? yield* openSecret(epoch.runs, wrapping, concat([hexToBytes(id), epochBytes(number)]))
    : yield* unwrapHybrid(epoch.sealing, wrapping)
  if (fileKey?.length !== FILE_KEY_BYTES) {
    return yield* Effect.fail(
      problem("forged", "has a wrapped key that does not open: it was altered, or is of another repository"),
    )
  }
  return Redacted.make(fileKey)
})

const epochsOf = (epochs: ReadonlyArray<EpochKeys>): string =>
  epochs.length === 1 ? `epoch ${epochs[0]!.number}` : `epochs ${epochs[0]!.number} to ${epochs.at(-1)!.number}`

/** Opens what `wrapKey` sealed; undefined when it does not open. */
const openSecret = Effect.fnUntraced(
  function* (key: Redacted.Redacted<Uint8Array>, sealed: Uint8Array, aad: Uint8Array) {
    const table = yield* Kernels
    return yield* catching(KernelError, () => makeKernel(aes256gcm(key), table).open(sealed, aad))
  },
  Effect.catch(() => Effect.succeed(undefined)),
)
