/** Finds the bucket of a store, or makes it. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../stages/store/store.ts"
import type { S3Client } from "./client.ts"
import { listPage } from "./listing.ts"

/**
 * Checks that the bucket exists and can be listed, a right that every command needs. If there is no bucket, makes it
 * when `create` is set, and fails with `not-found` otherwise.
 */
export const openBucket = (client: S3Client, create: boolean): Effect.Effect<void, StoreError> => {
  const look = Effect.asVoid(
    listPage(client, { name: "", prefix: client.location.prefix, most: 1, doing: "open" }),
  )
  return Effect.catch(look, (error) =>
    error.reason === "not-found" && create
      // If the server refuses, another program may have made it meanwhile.
      ? Effect.catch(makeBucket(client), (refused) => Effect.mapError(look, () => refused))
      : Effect.fail(error))
}

/** Makes the bucket as restic does: private, in the region of the location. */
const makeBucket = (client: S3Client): Effect.Effect<void, StoreError> => {
  const { endpoint, region } = client.location
  const body = endpoint === undefined && region !== undefined && region !== "us-east-1"
    ? [new TextEncoder().encode(
      `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
    )]
    : []
  return Effect.asVoid(client.send({ method: "PUT", doing: "make the bucket of", name: "", body }))
}
