/** Objects in a bucket of S3 or a server that speaks its protocol, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { absent } from "../../../stages/store/absent.ts"
import {
  type ObjectInfo,
  ObjectStore,
  StoreError,
  type StoreGuarantees,
  type WriteOptions,
} from "../../../stages/store/store.ts"
import { catching } from "../../../stages/kernel/catching.ts"
import { listingBound } from "../../../stages/store/listing_bound.ts"
import { directoryError, nameError } from "../../../stages/store/name.ts"
import { sizeOfParts } from "../../../stages/store/parts.ts"
import { retrying } from "../retry/retrier.ts"
import { makeS3Client, type S3Client } from "./client.ts"
import { makeCreateOnly } from "./create_only.ts"
import { credentialSource, withEnvironment } from "./credentials.ts"
import { listPage } from "./listing.ts"
import { parseS3Location, type S3Location, showS3Location } from "./location.ts"
import { hasMark, makeMark } from "./mark.ts"
import { PART_BYTES, PARTS, PARTS_AT_ONCE, startUpload } from "./multipart.ts"
import { readRange, readWhole } from "./read.ts"
import { makeWriter } from "./writer.ts"

/** How to open a bucket as a store. */
export interface S3StoreOptions {
  /** Make the bucket when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
  /** How long the server may be silent before a request counts as lost, in milliseconds. 60,000 by default. */
  readonly silence?: number
}

/** What holds for every such store, see README.md beside this file for where `atomicCreate` ends. */
export const s3Guarantees: StoreGuarantees = {
  connections: 8,
  atomicCreate: true,
  durable: true,
  orderedList: true,
  remote: true,
  paced: true,
  contentType: true,
}

/** Objects up to this length are put at once, in bytes. */
const WHOLE_BYTES = 64 << 20
const SILENCE_MS = 60_000
/** What servers call the type of bytes that no type was given for. */
const UNTYPED = ["application/octet-stream", "binary/octet-stream"]

/** Headers of every object: how it is encrypted, and of all but claims, what it is kept in. */
const headersOf = ({ encryption, encryptionKey, storageClass }: S3Location) => {
  const encrypted = {
    ...(encryption === undefined ? {} : { "x-amz-server-side-encryption": encryption }),
    ...(encryptionKey === undefined ? {} : { "x-amz-server-side-encryption-aws-kms-key-id": encryptionKey }),
  }
  return {
    encrypted,
    kept: { ...encrypted, ...(storageClass === undefined ? {} : { "x-amz-storage-class": storageClass }) },
  }
}

const store = (client: S3Client): ObjectStore => {
  const { location } = client
  const shown = showS3Location(location)
  const { encrypted, kept } = headersOf(location)
  const createOnly = makeCreateOnly(client, encrypted)
  const keyOf = (name: string): string => `${location.prefix}${name}`
  const checked = <A, R>(name: string, run: () => Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
    Effect.suspend((): Effect.Effect<A, StoreError, R> => {
      const error = nameError(name)
      return error === undefined ? run() : Effect.fail(error)
    })
  const typed = (contentType = UNTYPED[0]!) => ({ ...kept, "content-type": contentType })

  /** Runs a write with the conditions that its options ask for. */
  const publish = (
    name: string,
    options: WriteOptions | undefined,
    inParts: boolean,
    write: (headers: Readonly<Record<string, string>>) => Effect.Effect<void, StoreError>,
  ): Effect.Effect<void, StoreError> =>
    options?.replace === true || options?.unique === true ? write({}) : createOnly(name, write, inParts)

  const putWhole = (
    name: string,
    parts: ReadonlyArray<Uint8Array>,
    options: WriteOptions | undefined,
    headers: Readonly<Record<string, string>>,
  ): Effect.Effect<void, StoreError> =>
    publish(name, options, false, (conditions) => {
      const key = keyOf(name)
      const put = (more: Readonly<Record<string, string>>) =>
        Effect.asVoid(client.send({
          method: "PUT",
          doing: "write",
          name,
          key,
          headers: { ...headers, ...conditions, ...more },
          body: parts,
        }))
      if (Object.keys(conditions).length === 0) return put({})
      const mark = makeMark()
      return Effect.catch(put(mark), (error) =>
        error.reason !== "exists"
          ? Effect.fail(error)
          : Effect.flatMap(hasMark(client, name, key, mark), (ours) =>
            ours ? Effect.void : Effect.fail(error)))
    })

  const putInParts = Effect.fnUntraced(function* (
    name: string,
    parts: ReadonlyArray<Uint8Array>,
    options: WriteOptions | undefined,
    headers: Readonly<Record<string, string>>,
  ) {
    const upload = yield* startUpload(client, name, keyOf(name), headers)
    const size = Math.max(PART_BYTES, Math.ceil(sizeOfParts(parts) / PARTS))
    yield* Effect.forEach(
      slices(parts, size),
      (slice, i) => upload.part(i + 1, slice),
      { concurrency: PARTS_AT_ONCE, discard: true },
    )
    yield* publish(name, options, true, upload.complete)
  })

  return {
    properties: { location: shown, ...s3Guarantees },
    put: (name, parts, options) =>
      checked(name, () => {
        const headers = typed(options?.contentType)
        return sizeOfParts(parts) <= WHOLE_BYTES
          ? putWhole(name, parts, options, headers)
          : Effect.scoped(putInParts(name, parts, options, headers))
      }),
    create: (name, options) =>
      checked(name, () =>
        makeWriter(name, {
          start: startUpload(client, name, keyOf(name), typed()),
          putWhole: (parts) => putWhole(name, parts, options, typed()),
          publish: (write) => publish(name, options, true, write),
        })),
    get: (name, part) =>
      checked(
        name,
        () =>
          "atMost" in part ? readWhole(client, name, keyOf(name), part) : readRange(client, name, keyOf(name), part),
      ),
    stat: (name) =>
      checked(name, () =>
        Effect.flatMap(
          client.send({ method: "HEAD", doing: "read", name, key: keyOf(name) }),
          ({ headers }) => infoOf(name, shown, headers),
        )),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        return error === undefined ? listed(client, directory) : Stream.fail(error)
      }),
    remove: (name) =>
      checked(name, () =>
        Effect.asVoid(
          absent(client.send({ method: "DELETE", doing: "remove", name, key: keyOf(name) })),
        )),
  }
}

const infoOf = (name: string, location: string, headers: Headers): Effect.Effect<ObjectInfo, StoreError> => {
  const length = headers.get("content-length")
  const type = headers.get("content-type")
  return length !== null && /^\d{1,15}$/.test(length)
    ? Effect.succeed({
      name,
      size: Number(length),
      ...(type === null || UNTYPED.includes(type) ? {} : { contentType: type }),
    })
    : Effect.fail(
      new StoreError({
        reason: "io",
        object: name,
        message: `Cannot read "${name}" in ${location}: the server does not say how long it is`,
      }),
    )
}

const listed = (client: S3Client, directory: string): Stream.Stream<ObjectInfo, StoreError> =>
  Stream.suspend(() => {
    const { prefix } = client.location
    const count = listingBound(directory, showS3Location(client.location))
    let last = ""
    return Stream.paginate(undefined as string | undefined, (after) =>
      Effect.flatMap(
        retrying(listPage(client, { name: directory, prefix: `${prefix}${directory}`, after, last })),
        ({ keys, next }) =>
          catching(StoreError, () => {
            last = keys.at(-1)?.key ?? last
            count({ objects: keys.length, directories: 0 })
            return [
              keys.flatMap(({ key, size }) => {
                const name = key.slice(prefix.length)
                // What has another name was not written by a store, or is not finished.
                return nameError(name) === undefined ? [{ name, size }] : []
              }),
              next === undefined ? Option.none() : Option.some(next),
            ] as const
          }),
      ))
  })

/** Parts cut anew into slices of `size` bytes, without a copy. */
function* slices(parts: ReadonlyArray<Uint8Array>, size: number): Generator<ReadonlyArray<Uint8Array>> {
  let slice: Array<Uint8Array> = []
  let room = size
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + room)
      slice.push(taken)
      at += taken.length
      room -= taken.length
      if (room === 0) {
        yield slice
        slice = []
        room = size
      }
    }
  }
  if (slice.length > 0) yield slice
}

/** Makes the bucket, as restic does: in the region of the location, private. */
const makeBucket = Effect.fnUntraced(function* (client: S3Client) {
  const { endpoint, region } = client.location
  const body = endpoint === undefined && region !== undefined && region !== "us-east-1"
    ? [new TextEncoder().encode(
      `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
    )]
    : []
  yield* client.send({ method: "PUT", doing: "make the bucket of", name: "", body })
})

const make: (
  location: string,
  options?: S3StoreOptions,
) => Effect.Effect<ObjectStore, StoreError> = Effect.fnUntraced(function* (location, options = {}) {
  const found = yield* Effect.try({
    try: () => withEnvironment(parseS3Location(location)),
    catch: (cause) =>
      cause instanceof StoreError ? cause : new StoreError({
        reason: "invalid",
        object: "",
        message: "The location of the S3 store is not understood: write s3://bucket/prefix",
      }),
  })
  const { AwsV4Signer } = yield* Effect.promise(() => import("aws4fetch"))
  const credentials = yield* catching(StoreError, () => credentialSource(found))
  const client = makeS3Client(found, credentials, AwsV4Signer, { silence: options.silence ?? SILENCE_MS })
  // Whether there is a bucket and whether it can be read, by the right that every command needs.
  const look = Effect.asVoid(listPage(client, { name: "", prefix: found.prefix, most: 1, doing: "open" }))
  yield* look.pipe(
    Effect.catch((error) =>
      error.reason === "not-found" && options.create === true
        // Somebody else may have made it meanwhile.
        ? Effect.catch(makeBucket(client), (refused) => Effect.mapError(look, () => refused))
        : Effect.fail(error)
    ),
  )
  return store(client)
})

/**
 * A store in a bucket, see README.md beside this file for locations, credentials and what servers do not keep.
 *
 * - A `put` is one request up to 64 MiB, beyond that an upload in parts. Servers verify the SHA-256 of what is sent.
 * - What is read has exactly the length that was asked for, or it fails.
 * - Nothing is tried again here but the steps of an upload and pages of a listing, and these as `retry` around it says.
 */
export const s3Store: {
  /**
   * Opens a bucket by the URL `s3://bucket/prefix` or `s3:https://host:port/bucket/prefix`. Fails with `not-found` when
   * there is no such bucket and `create` is not given, `invalid` for a location that is not understood, `denied`, or
   * `unavailable`.
   */
  readonly make: (location: string, options?: S3StoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (location: string, options?: S3StoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (location, options) => Layer.effect(ObjectStore, make(location, options)),
}
