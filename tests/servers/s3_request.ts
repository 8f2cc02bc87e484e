/** Requests to an S3 server that the store itself does not make. */
import assert from "node:assert/strict"
import { AwsV4Signer } from "aws4fetch"
import type { Ceph } from "./ceph.ts"

/** Sends a signed request for a path, such as `bucket/key`. */
export const sendToS3 = async (ceph: Ceph, method: string, path: string, body?: string): Promise<Response> => {
  const { headers, url } = await new AwsV4Signer({
    method,
    url: `${ceph.endpoint}/${path}`,
    accessKeyId: ceph.accessKey,
    secretAccessKey: ceph.secretKey,
    service: "s3",
    region: "us-east-1",
  }).sign()
  return await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
}

/** The same for a request that must succeed. Gives the body of the answer. */
export const askS3 = async (ceph: Ceph, method: string, path: string, body?: string): Promise<string> => {
  const answer = await sendToS3(ceph, method, path, body)
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${text}`)
  return text
}

/** Makes a bucket keep versions. */
export const keepVersions = (ceph: Ceph, bucket: string): Promise<string> =>
  askS3(
    ceph,
    "PUT",
    `${bucket}?versioning`,
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
  )
