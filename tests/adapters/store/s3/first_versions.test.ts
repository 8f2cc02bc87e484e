/** Reading the first version of an object that somebody replaces meanwhile. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import type { S3Client } from "../../../../adapters/store/s3/client.ts"
import { makeFirstVersions } from "../../../../adapters/store/s3/first_versions.ts"
import { parseS3Location } from "../../../../adapters/store/s3/location.ts"
import { notFound } from "../../../../stages/store/errors.ts"

/** A bucket whose first version of `x` is the next one of these whenever it is asked; the last one from then on. */
const bucketOf = (firsts: ReadonlyArray<string>) => {
  let asked = 0
  const send = () => {
    const id = firsts[Math.min(asked++, firsts.length - 1)]
    const version = `<Version><Key>p/x</Key><VersionId>${id}</VersionId><Size>1</Size></Version>`
    const body = `<ListVersionsResult><IsTruncated>false</IsTruncated>${version}</ListVersionsResult>`
    return Effect.succeed({ status: 200, headers: new Headers(), body: new TextEncoder().encode(body) })
  }
  const client = { location: parseS3Location("s3:http://127.0.0.1:1/bucket/p"), send } as unknown as S3Client
  return { versions: makeFirstVersions(client), asked: () => asked }
}

/** Reads `x` where only one version is left. */
const readOnly = (left: string) => (id: string) =>
  id === left ? Effect.succeed(id) : Effect.fail(notFound("x", "the bucket"))

test("an object that is replaced again and again is read as soon as its first version stays", async () => {
  const { asked, versions } = bucketOf(["1", "2", "3", "4"])
  assert.equal(await Effect.runPromise(versions.read("x", readOnly("4"))), "4")
  assert.equal(asked(), 4)
  assert.equal(await Effect.runPromise(versions.read("x", readOnly("4"))), "4")
  assert.equal(asked(), 4, "it is remembered")
})

test("a version that is listed and cannot be read is not there", async () => {
  const { asked, versions } = bucketOf(["1", "2"])
  const error = await Effect.runPromise(Effect.flip(versions.read("x", readOnly("none"))))
  assert.equal(error.reason, "not-found")
  assert.equal(asked(), 3)
})
