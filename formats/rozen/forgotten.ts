/**
 * Records of forgotten snapshots, `FORGOTTEN/<32 hex>.forgotten`. They are sealed as snapshots are, and hold a record
 * that the owner of an epoch has signed, as grants are. SPEC.md, "Forgotten snapshots".
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { Ed25519, provenEd25519, type SignatureKernel } from "../../stages/sign/sign.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject, isUnreadable } from "../../stages/store/unreadable.ts"
import { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"
import { encodeJson } from "./json.ts"
import { decodeRecord, isSigned, signRecord } from "./key_record.ts"
import type { Layout, RepositoryEpoch } from "./layout.ts"
import { FORGOTTEN_IDS } from "./limits.ts"
import { getSealed, putSealed } from "./sealed.ts"

const DIRECTORY = "FORGOTTEN/"
const NAME = /^FORGOTTEN\/[0-9a-f]{32}\.forgotten$/

const Record = Schema.Struct({
  record: Schema.Literal("forgotten"),
  version: Schema.Literal(1),
  repository: Schema.String,
  epoch: Schema.Int,
  time: Schema.Int,
  snapshots: Schema.Array(Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))),
  signature: Schema.String,
})

/** What was forgotten. */
export interface Forgotten {
  /** The IDs of snapshots that do not count any more, 64 hex digits each. */
  readonly ids: ReadonlySet<string>
  /** Records that cannot be read, and those that would forget more but do not count. Each names its object. */
  readonly problems: ReadonlyArray<RepositoryError>
}

/** A record that was read. Whoever signed the object around it is known; whether it counts is not. */
interface Read {
  readonly object: string
  readonly epoch: number
  readonly snapshots: ReadonlyArray<string>
  /** Whether the owner of an epoch has signed it for that epoch. */
  readonly isOf: (kernel: SignatureKernel, epoch: RepositoryEpoch) => boolean
}

const decode = (object: string, body: Uint8Array): Read => {
  const { signature, ...signed } = decodeRecord(object, Record, body)
  const { epoch, repository, snapshots } = signed
  return {
    ...{ object, epoch, snapshots },
    isOf: (kernel, { number, owner, repository: id }) =>
      epoch === number && repository === id && isSigned(kernel, owner, signed, signature),
  }
}

const unusable = (object: string, error: RepositoryError | StoreError): RepositoryError =>
  new RepositoryError({
    reason: error.reason === "newer" ? "newer" : "corrupt",
    object,
    message: `${error.message}. It names snapshots that were forgotten: those are listed again unless another record ` +
      "names them, too. Forget them again; then this object may be removed",
    cause: error,
  })

/** Reads all records. One that is damaged does not hide the others. */
const readRecords = Effect.fnUntraced(function* (store: ObjectStore, layout: Layout) {
  const objects = yield* Stream.runCollect(store.list(DIRECTORY))
  const names = objects.map(({ name }) => name).filter((name) => NAME.test(name)).sort()
  const results = yield* Effect.forEach(names, (name) =>
    getSealed(store, layout, layout.forgotten, name).pipe(
      Effect.flatMap(({ body }) => catching(RepositoryError, () => decode(name, body))),
      Effect.catch((error): Effect.Effect<RepositoryError, StoreError> =>
        error._tag === "StoreError" && !concernsObject(error)
          ? Effect.fail(error)
          : Effect.succeed(unusable(name, error))
      ),
    ), { concurrency: requestsAtOnce(store) })
  const records: Array<Read> = []
  const damaged: Array<RepositoryError> = []
  for (const result of results) {
    if (result instanceof RepositoryError) damaged.push(result)
    else records.push(result)
  }
  return { records, damaged }
})

/** The IDs in the records that count in an epoch. */
const idsIn = (kernel: SignatureKernel, records: ReadonlyArray<Read>, epoch: RepositoryEpoch): ReadonlySet<string> =>
  new Set(records.filter(({ isOf }) => isOf(kernel, epoch)).flatMap(({ snapshots }) => snapshots))

/** Reads what was forgotten: one listing, and every record. */
export const readForgotten: (store: ObjectStore, layout: Layout) => Effect.Effect<Forgotten, StoreError> = Effect
  .fnUntraced(function* (store, layout) {
    const kernel = yield* Ed25519
    const { damaged, records } = yield* readRecords(store, layout)
    const ids = idsIn(kernel, records, layout.epoch)
    const problems = [...damaged]
    for (const { epoch, isOf, object, snapshots } of records) {
      // A rotation that has not come to its end leaves records of the next epoch.
      if (epoch > layout.epoch.number || isOf(kernel, layout.epoch)) continue
      const more = snapshots.filter((id) => !ids.has(id)).length
      if (more === 0) continue
      problems.push(corrupt(
        object,
        `${object} names ${more} ${more === 1 ? "snapshot" : "snapshots"} as forgotten, but an owner of epoch ` +
          `${layout.epoch.number} has not signed it: they stay. Forget them, if that is right, or remove this object`,
      ))
    }
    return { ids, problems }
  })

/** What signs records: the owner of an epoch. */
export interface EpochOwner extends RepositoryEpoch {
  /** The Ed25519 seed. */
  readonly seed: Redacted.Redacted<Uint8Array>
}

/** Stores records that name these snapshots, as many as it takes. */
export const putForgotten: (
  store: ObjectStore,
  layout: Layout,
  ids: ReadonlyArray<string>,
  owner: EpochOwner,
) => Effect.Effect<void, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, layout, ids, { number: epoch, repository, seed }) {
    const kernel = provenEd25519(yield* Ed25519)
    const time = yield* Clock.currentTimeMillis
    const sorted = [...new Set(ids)].sort()
    for (let from = 0; from < sorted.length; from += FORGOTTEN_IDS) {
      const snapshots = sorted.slice(from, from + FORGOTTEN_IDS)
      const signed = { ...{ record: "forgotten", version: 1, repository, epoch, time }, snapshots }
      const body = encodeJson({ ...signed, signature: signRecord(kernel, seed, signed) })
      const name = `${DIRECTORY}${bytesToHex(crypto.getRandomValues(new Uint8Array(16)))}.forgotten`
      yield* catching(RepositoryError, () => decode(name, body))
      yield* putSealed(store, layout, layout.forgotten, name, body, { unique: true })
    }
  },
)

/**
 * Signs again, for an epoch that is to begin or has just begun, what was forgotten in the one before. `layout` is that
 * of the epoch before. Until the new epoch begins, such records do not count. Fails when a record cannot be read now.
 */
export const carryForgotten: (
  store: ObjectStore,
  layout: Layout,
  next: EpochOwner,
) => Effect.Effect<void, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, layout, next) {
  const kernel = yield* Ed25519
  const { damaged, records } = yield* readRecords(store, layout)
  // What it says would be lost, though it may be whole.
  const readLater = damaged.find((error) => error.reason === "newer" || isUnreadable(error))
  if (readLater !== undefined) return yield* readLater
  const carried = idsIn(kernel, records, next)
  const left = [...idsIn(kernel, records, layout.epoch)].filter((id) => !carried.has(id))
  yield* putForgotten(store, layout, left, next)
})
