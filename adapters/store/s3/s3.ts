/** Objects in a bucket of S3 or of a server that speaks its protocol, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { catching } from "../../../stages/kernel/catching.ts"
import { absent } from "../../../stages/store/absent.ts"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { openBucket } from "./bucket.ts"
import { makeS3Client, type S3Client } from "./client.ts"
import { credentialSource, withEnvironment } from "./credentials.ts"
import { makeFirstVersions } from "./first_versions.ts"
import { listObjects } from "./listing.ts"
import { parseS3Location, s3Key, showS3Location } from "./location.ts"
import { readObject, type ReadSubject, statObject } from "./read_object.ts"
import { requireVersions } from "./versions.ts"
import { makeWrites } from "./write_object.ts"

/** How to open a bucket as a store. */
export interface S3StoreOptions {
  /** Make the bucket if it does not exist. Otherwise that is an error. */
  readonly create?: boolean
  /** How long the server may be silent before a request counts as lost, in milliseconds. 60,000 by default. */
  readonly silence?: number
}

/** The properties of every such store. README.md beside this file says where `atomicCreate` ends. */
export const s3Guarantees: StoreGuarantees = {
  connections: 8,
  atomicCreate: true,
  durable: true,
  orderedList: true,
  remote: true,
  paced: true,
  contentType: true,
}

const SILENCE_MS = 60_000

const makeStore = (client: S3Client): ObjectStore => {
  const { location } = client
  const versions = location.versions === "first" ? makeFirstVersions(client) : undefined
  const writes = makeWrites(client, versions)
  const reading = <A>(name: string, read: (subject: ReadSubject) => Effect.Effect<A, StoreError>) =>
    withName(
      name,
      () => versions === undefined ? read({ name }) : versions.read(name, (versionId) => read({ name, versionId })),
    )
  const remove = (name: string): Effect.Effect<void, StoreError> =>
    Effect.asVoid(absent(client.send({ method: "DELETE", doing: "remove", name, key: s3Key(location, name) })))
  const { list, remove: removeObject } = versions ?? { list: (name: string) => listObjects(client, name), remove }
  return {
    properties: { location: showS3Location(location), ...s3Guarantees },
    put: (name, parts, options) => withName(name, () => writes.put(name, parts, options)),
    create: (name, options) => withName(name, () => writes.create(name, options)),
    get: (name, part) => reading(name, (subject) => readObject(client, subject, part)),
    stat: (name) => reading(name, (subject) => statObject(client, subject)),
    list: (directory) => withDirectory(directory, () => list(directory)),
    remove: (name) => withName(name, () => removeObject(name)),
  }
}

const make: (
  location: string,
  options?: S3StoreOptions,
) => Effect.Effect<ObjectStore, StoreError> = Effect.fnUntraced(function* (location, options = {}) {
  const found = yield* Effect.try({
    try: () => withEnvironment(parseS3Location(location)),
    // Any other error could repeat the location, which may hold a secret by mistake.
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
  yield* openBucket(client, options.create === true)
  if (found.versions === "first") yield* requireVersions(client)
  return makeStore(client)
})

/**
 * A store in a bucket. README.md beside this file describes locations, credentials, and what some servers do not
 * guarantee.
 *
 * - A `put` is one request up to 64 MiB, beyond that an upload in parts. Servers verify the SHA-256 of each request.
 * - A read gives exactly the requested bytes, or fails.
 * - Only the steps of an upload and the pages of a listing are tried again here, as the decorator `retry` around the
 *   store is told to.
 *
 * @example Locations hold no secrets; credentials come from the environment
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { s3Store } from "@penstock/penstock/adapters"
 *
 * const refused = await Effect.runPromise(Effect.flip(s3Store.make("s3:https://key:secret@host.example/bucket")))
 * assert.equal(refused.reason, "invalid")
 * assert(!refused.message.includes("secret@"))
 * ```
 */
export const s3Store: {
  /**
   * Opens a bucket by the URL `s3://bucket/prefix` or `s3:https://host:port/bucket/prefix`. Fails with `not-found` if
   * there is no such bucket and `create` is not set, `invalid` for a location that is not understood, `denied`, or
   * `unavailable`.
   */
  readonly make: (location: string, options?: S3StoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (location: string, options?: S3StoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (location, options) => Layer.effect(ObjectStore, make(location, options)),
}
