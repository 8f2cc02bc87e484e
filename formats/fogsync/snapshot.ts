/** Roots, each of which is a snapshot: how they are encoded, found and committed. SPEC.md, "Roots". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { snapshotProblem } from "../snapshot_problem.ts"
import { tellUnlisted } from "../unlisted.ts"
import { type Bptr, BPTR_BYTES, bptrFromHex, bptrToHex, type DataRef, decodeBptr, encodeBptr } from "./bptr.ts"
import { hashBlock } from "./block_write.ts"
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts"
import { absent, asDamage, corrupt, created } from "./errors.ts"
import { isForgotten } from "./forgotten.ts"
import { Integer, parseExact, stringifyExact } from "./json.ts"
import { isKind, makeNonce } from "./kinds.ts"
import { blockObject, forgottenId, rootId, rootObject, ROOTS, VERSION } from "./layout.ts"
import { ROOT_MAXIMUM } from "./limits.ts"
import type { ListingKind } from "./listing.ts"
import { type Opened, readerOf } from "./opened.ts"

/** In nanoseconds. */
const MILLISECOND = 1_000_000n

/** A root. */
export interface Root {
  readonly info: SnapshotInfo
  /** Where its envelope is. */
  readonly bptr: Bptr
  /** The listing of the root directory, or the top of the tree of paths. Absent when the snapshot is empty. */
  readonly directory?: DataRef
  readonly listing: ListingKind
  /** When the root directory was last modified, in nanoseconds since 1970. */
  readonly mtime?: bigint
  /** When its run began by the clock, in milliseconds since 1970. */
  readonly started: number
  /** The ID of the share that it belongs to. */
  readonly share?: string
}

const Hex = (bytes: number): Schema.Codec<string, string> =>
  Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${2 * bytes}}$`)))
const Natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Stored = Schema.Struct({
  version: Schema.Int,
  date: Integer,
  host: Schema.optionalKey(Schema.String),
  user: Schema.optionalKey(Schema.String),
  previous: Schema.optionalKey(Hex(BPTR_BYTES)),
  directory: Schema.optionalKey(Hex(BPTR_BYTES)),
  size: Schema.optionalKey(Natural),
  sha256: Schema.optionalKey(Hex(32)),
  listing: Schema.optionalKey(Schema.Literals(["json", "tree"])),
  mtime: Schema.optionalKey(Integer),
  started: Schema.optionalKey(Integer),
  share: Schema.optionalKey(Hex(16)),
  paths: Schema.optionalKey(Schema.Array(Schema.String)),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  files: Schema.optionalKey(Natural),
  directories: Schema.optionalKey(Natural),
  bytes: Schema.optionalKey(Natural),
})

const decodeStored = Schema.decodeUnknownSync(Stored)

/** A root that is to be stored. */
export interface NewRoot extends Omit<Root, "info" | "bptr"> {
  readonly info: Omit<SnapshotInfo, "id" | "parent">
  /** The root that the run started from. */
  readonly previous?: Bptr
}

/** The JSON of a root. */
const encodeRoot = ({ directory, info, listing, mtime, previous, share, started }: NewRoot): Uint8Array =>
  new TextEncoder().encode(stringifyExact({
    version: VERSION,
    date: BigInt(Math.floor(info.time)) * MILLISECOND,
    host: info.hostname === "" ? undefined : info.hostname,
    user: info.username === "" ? undefined : info.username,
    previous: previous && bptrToHex(previous),
    directory: directory && bptrToHex(directory.bptr),
    size: directory?.size,
    sha256: directory && bytesToHex(directory.sha256),
    listing,
    mtime,
    started: BigInt(Math.floor(started)) * MILLISECOND,
    share,
    paths: info.paths,
    tags: info.tags,
    files: info.files,
    directories: info.directories,
    bytes: info.bytes,
  }))

/** Throws RepositoryError: `corrupt` or `newer`. */
const decodeRoot = (object: string, bptr: Bptr, data: Uint8Array): Root => {
  let stored: typeof Stored.Type
  let version: unknown
  try {
    const json = parseExact(new TextDecoder("utf-8", { fatal: true }).decode(data))
    version = (json as { readonly version?: unknown } | null)?.version
    stored = decodeStored(json)
  } catch (cause) {
    if (typeof version === "number" && version > VERSION) throw newer(object, version)
    throw corrupt(object, `${object} is not a root: its JSON is not valid`, cause)
  }
  if (stored.version > VERSION) throw newer(object, stored.version)
  const address = (hex: string | undefined): Bptr | undefined => {
    if (hex === undefined) return undefined
    const found = bptrFromHex(hex)
    if (found === undefined) throw corrupt(object, `${object} is not a root: one of its addresses is impossible`)
    return found
  }
  const directory = address(stored.directory)
  const previous = address(stored.previous)
  const info: SnapshotInfo = {
    id: bytesToHex(bptr.hash),
    time: Number(stored.date / MILLISECOND),
    hostname: stored.host ?? "",
    username: stored.user ?? "",
    paths: stored.paths ?? [],
    tags: stored.tags ?? [],
    ...(previous === undefined ? {} : { parent: bytesToHex(previous.hash) }),
    files: stored.files ?? 0,
    directories: stored.directories ?? 0,
    bytes: stored.bytes ?? 0,
  }
  const problem = snapshotProblem(info)
  if (problem !== undefined) throw corrupt(object, `${object} is damaged: its root ${problem}`)
  return {
    bptr,
    info,
    ...(directory === undefined ? {} : {
      directory: {
        bptr: directory,
        size: stored.size ?? 0,
        sha256: stored.sha256 === undefined ? new Uint8Array(0) : hexToBytes(stored.sha256),
      },
    }),
    listing: stored.listing ?? "json",
    ...(stored.mtime === undefined ? {} : { mtime: stored.mtime }),
    // When it is not known, no file counts as older than the run.
    started: stored.started === undefined ? Number.MIN_SAFE_INTEGER : Number(stored.started / MILLISECOND),
    ...(stored.share === undefined ? {} : { share: stored.share }),
  }
}

const newer = (object: string, version: number): RepositoryError =>
  new RepositoryError({
    reason: "newer",
    object,
    message: `${object} is of version ${version}, which this Penstock does not know; use a later one`,
  })

/**
 * Decodes a root from its envelope, which may come from anywhere. Throws RepositoryError: `wrong-key` when its MAC does
 * not fit, `corrupt` or `newer`.
 */
const decodeRootBlock = ({ id, keys }: Opened, bptr: Bptr, envelope: Uint8Array): Root => {
  const object = blockObject(bptr.hash)
  let data: Uint8Array
  try {
    data = decodeEnvelope(keys, envelope, ROOT_MAXIMUM)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    if (error.reason !== "forged") throw corrupt(object, `The root in ${object} is damaged: ${error.message}`)
    throw new RepositoryError({
      reason: "wrong-key",
      object,
      message:
        `The root in ${object} cannot be decrypted: the key is not that of this share, or the root has another key`,
    })
  }
  if (!isKind(keys, "root", envelope)) throw corrupt(object, `The content of ${object} is not a root`)
  const root = decodeRoot(object, bptr, data)
  if (id !== "" && root.share !== undefined && root.share !== id) {
    throw corrupt(object, `The root in ${object} is of another share`)
  }
  return root
}

/** Reads the root at an address. Fails as {@link decodeRootBlock} throws. */
export const readRootAt = (opened: Opened, bptr: Bptr): Effect.Effect<Root, FormatError> =>
  Effect.flatMap(
    readerOf(opened).get(bptr),
    (envelope) => catching(RepositoryError, () => decodeRootBlock(opened, bptr, envelope)),
  )

/**
 * Reads the root of this ID; reads it twice before it calls it wrong. Fails with `unknown-snapshot` when there is none.
 */
export const readRoot: (opened: Opened, id: string) => Effect.Effect<Root, FormatError> = Effect.fnUntraced(
  function* (opened, id) {
    const name = rootObject(id)
    const info = rootId(name) === undefined ? undefined : yield* absent(opened.store.stat(name))
    if (info === undefined) {
      return yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${id}` })
    }
    const pointer = info.size === BPTR_BYTES ? yield* opened.store.get(name, { atMost: BPTR_BYTES }) : new Uint8Array(0)
    const bptr = decodeBptr(pointer)
    if (bptr === undefined || bptr.depth !== 0 || bytesToHex(bptr.hash) !== id) {
      return yield* corrupt(name, `${name} is damaged: it does not point to its root. Run "penstock rebuild"`)
    }
    return yield* readRootAt(opened, bptr)
  },
  (read, _opened, id) =>
    Effect.mapError(readTwice(rootObject(id), read, ({ reason }) => reason === "wrong-key"), asDamage(rootObject(id))),
)

/** Reads all roots but those that were forgotten, oldest first. Gives an error for each that cannot be read. */
export const listRoots: (opened: Opened) => Effect.Effect<
  { readonly roots: ReadonlyArray<Root>; readonly damaged: ReadonlyArray<RepositoryError> },
  FormatError
> = Effect.fnUntraced(function* (opened) {
  const damaged: Array<RepositoryError> = []
  const objects = yield* Stream.runCollect(opened.store.list(ROOTS))
  const marked = new Set(objects.map(({ name }) => forgottenId(name)))
  const ids: Array<string> = []
  for (const { name } of objects) {
    const id = rootId(name)
    // Whoever forgets a root removes its pointer after that. It is still there if that was interrupted.
    if (id !== undefined && !(marked.has(id) && (yield* isForgotten(opened, id)))) ids.push(id)
  }
  const read = yield* Effect.forEach(ids, (id) =>
    readRoot(opened, id).pipe(
      Effect.catchTag("RepositoryError", (error) => {
        if (error.reason !== "unknown-snapshot") damaged.push(error)
        return Effect.succeed(undefined)
      }),
    ), { concurrency: requestsAtOnce(opened.store) })
  const roots = read.filter((root) => root !== undefined)
    .sort((a, b) => a.info.time - b.info.time || (a.info.id < b.info.id ? -1 : 1))
  return { roots, damaged }
})

/**
 * Stores a root: first its block, then the object that points to it, which is the commit. Gives the root as it will be
 * read, and the bytes stored.
 */
export const commitRoot: (
  opened: Opened,
  root: NewRoot,
) => Effect.Effect<{ readonly root: Root; readonly stored: number }, FormatError> = Effect.fnUntraced(
  function* (opened, root) {
    const { gzip, keys, store } = opened
    const envelope = encodeEnvelope(keys, encodeRoot(root), {
      nonce: makeNonce(keys, "root"),
      gzip: { kernel: gzip, adaptive: true },
    })
    const hash = hashBlock(keys.hasher, envelope)
    const bptr: Bptr = { hash, start: 0, end: envelope.length, depth: 0 }
    yield* created(store.put(blockObject(hash), [envelope]))
    yield* pointTo(opened, bptr)
    return { root: decodeRootBlock(opened, bptr, envelope), stored: envelope.length + BPTR_BYTES }
  },
)

/** Stores the object that points to a root, or replaces it. */
export const pointTo = ({ store }: Opened, bptr: Bptr): Effect.Effect<void, StoreError> =>
  store.put(rootObject(bytesToHex(bptr.hash)), [encodeBptr(bptr)], { replace: true })

/** The snapshots, oldest first. Those that cannot be read are told to `OnUnlisted`: the others are still of use. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, roots } = yield* listRoots(opened)
    yield* tellUnlisted(damaged.map(({ message }) => message))
    return roots.map(({ info }) => info)
  })
