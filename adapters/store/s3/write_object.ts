/** Writes objects: short ones with one request, long ones in parts. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { sizeOfParts } from "../../../stages/store/parts.ts"
import type { ObjectStore, ObjectWriter, StoreError, WriteOptions } from "../../../stages/store/store.ts"
import type { S3Client } from "./client.ts"
import { makeCreateOnly } from "./create_only.ts"
import type { FirstVersions } from "./first_versions.ts"
import { s3Key, type S3Location } from "./location.ts"
import { hasMark, makeMark } from "./mark.ts"
import { PART_BYTES, PARTS, PARTS_AT_ONCE, startUpload } from "./multipart.ts"
import { VERSION_HEADER, type WrittenVersion } from "./versions.ts"
import { makeWriter } from "./writer.ts"

/** Objects up to this length are put with one request, in bytes. */
const WHOLE_BYTES = 64 << 20

type Headers = Readonly<Record<string, string>>

/** Headers that say how an object is encrypted at the server. */
const encryptionHeaders = ({ encryption, encryptionKey }: S3Location): Headers => ({
  ...(encryption === undefined ? {} : { "x-amz-server-side-encryption": encryption }),
  ...(encryptionKey === undefined ? {} : { "x-amz-server-side-encryption-aws-kms-key-id": encryptionKey }),
})

/** Headers of all objects but claims. */
const objectHeaders = (location: S3Location, contentType = "application/octet-stream"): Headers => ({
  ...encryptionHeaders(location),
  ...(location.storageClass === undefined ? {} : { "x-amz-storage-class": location.storageClass }),
  "content-type": contentType,
})

/** The writes of a store. `versions`: where the first version of an object counts. */
export const makeWrites = (
  client: S3Client,
  versions: FirstVersions | undefined,
): Pick<ObjectStore, "put" | "create"> => {
  const { location } = client
  const createOnly = makeCreateOnly(client, encryptionHeaders(location))

  /** Runs a write with the conditions that its options ask for. */
  const publish = (
    name: string,
    options: WriteOptions | undefined,
    inParts: boolean,
    write: (conditions: Headers) => Effect.Effect<WrittenVersion, StoreError>,
  ): Effect.Effect<void, StoreError> => {
    if (versions !== undefined) return versions.publish(name, options, write({}))
    // On AWS a condition costs nothing, and a policy can demand it.
    const isSure = options?.unique === true && location.endpoint !== undefined
    return options?.replace === true || isSure
      ? Effect.asVoid(write({}))
      : createOnly(name, (headers) => Effect.asVoid(write(headers)), inParts)
  }

  const putWhole = (
    name: string,
    parts: ReadonlyArray<Uint8Array>,
    options: WriteOptions | undefined,
    headers: Headers,
  ): Effect.Effect<void, StoreError> =>
    publish(name, options, false, (conditions) => {
      const key = s3Key(location, name)
      const mark = makeMark()
      // Nobody asks for the mark of an object that is put without conditions, unless versions are compared.
      const marked = versions !== undefined || Object.keys(conditions).length > 0
      const put = client.send({
        method: "PUT",
        doing: "write",
        name,
        key,
        headers: { ...headers, ...conditions, ...(marked ? mark : {}) },
        body: parts,
      })
      return put.pipe(
        Effect.map((answer): WrittenVersion => ({ id: answer.headers.get(VERSION_HEADER), mark })),
        Effect.catch((error) =>
          error.reason !== "exists" || !marked ? Effect.fail(error) : Effect.flatMap(
            hasMark(client, name, key, mark),
            (ours) => ours ? Effect.succeed({ id: null, mark }) : Effect.fail(error),
          )
        ),
      )
    })

  const putInParts = Effect.fnUntraced(function* (
    name: string,
    parts: ReadonlyArray<Uint8Array>,
    options: WriteOptions | undefined,
    headers: Headers,
  ) {
    const upload = yield* startUpload(client, name, headers)
    const size = Math.max(PART_BYTES, Math.ceil(sizeOfParts(parts) / PARTS))
    yield* Effect.forEach(
      slices(parts, size),
      (slice, i) => upload.part(i + 1, slice),
      { concurrency: PARTS_AT_ONCE, discard: true },
    )
    yield* publish(name, options, true, upload.complete)
  })

  return {
    put: (name, parts, options) => {
      const headers = objectHeaders(location, options?.contentType)
      return sizeOfParts(parts) <= WHOLE_BYTES
        ? putWhole(name, parts, options, headers)
        : Effect.scoped(putInParts(name, parts, options, headers))
    },
    create: (name, options): Effect.Effect<ObjectWriter, never, Scope.Scope> => {
      const headers = objectHeaders(location)
      return makeWriter(name, {
        start: startUpload(client, name, headers),
        putWhole: (parts) => putWhole(name, parts, options, headers),
        publish: (write) => publish(name, options, true, write),
      })
    },
  }
}

/** Cuts the parts anew into slices of `size` bytes, without copying. */
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
