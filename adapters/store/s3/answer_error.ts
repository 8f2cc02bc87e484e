/** Errors of a store for requests that S3 refuses. */
import { alreadyExists, notFound } from "../../../stages/store/errors.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { retryAfter } from "../http/headers.ts"
import { parseXml, type XmlElement } from "../http/xml.ts"
import { childText, localName } from "./answer_xml.ts"

/** An answer whose status is not 2xx. */
export interface Refusal {
  readonly status: number
  readonly headers: Headers
  /** Its body as text; empty for HEAD. */
  readonly text: string
}

/** An operation, with the bucket that it is about. */
export interface S3Operation extends Operation {
  readonly bucket: string
}

/** The code in the body of an error (`NoSuchKey`), or undefined. */
export const refusalCode = (text: string): string | undefined => {
  const root = errorElement(text)
  return root === undefined ? undefined : childText(root, "Code")
}

const errorElement = (text: string): XmlElement | undefined => {
  if (text === "") return undefined
  try {
    const root = parseXml(text)
    return localName(root) === "Error" ? root : undefined
  } catch {
    return undefined // perhaps the page of a proxy; the status tells enough
  }
}

/** The region of the bucket, if the server refuses because the request was for another one. */
export const refusalRegion = ({ headers, status, text }: Refusal): string | undefined => {
  if (status !== 301 && status !== 307 && status !== 400) return undefined
  const root = errorElement(text)
  return headers.get("x-amz-bucket-region") ?? (root === undefined ? undefined : childText(root, "Region")) ?? undefined
}

type Reason = StoreError["reason"]

const BUSY = "the server is busy or has a fault; try again later"
const byCode: Readonly<Record<string, readonly [Reason, string]>> = {
  NoSuchUpload: ["io", "the upload is gone: the server or another program ended it; run again"],
  AccessDenied: ["denied", "access denied; give these credentials the right to do that in the bucket"],
  AllAccessDisabled: ["denied", "access to the bucket is switched off"],
  InvalidAccessKeyId: ["denied", "the server does not know the access key; check AWS_ACCESS_KEY_ID or the profile"],
  SignatureDoesNotMatch: ["denied", "the secret key is wrong; check AWS_SECRET_ACCESS_KEY or the profile"],
  ExpiredToken: ["denied", "the credentials have expired; get new ones"],
  ExpiredTokenException: ["denied", "the credentials have expired; get new ones"],
  TokenRefreshRequired: ["denied", "the credentials have expired; get new ones"],
  InvalidToken: ["denied", "the session token is wrong; check AWS_SESSION_TOKEN or the profile"],
  RequestTimeTooSkewed: ["denied", "the clocks of this machine and the server differ too much; set the clock"],
  QuotaExceeded: ["full", "the quota is used up; make room or ask for more, and run again"],
  XMinioStorageFull: ["full", "no space is left; make room and run again"],
  InsufficientStorage: ["full", "no space is left; make room and run again"],
  SlowDown: ["unavailable", BUSY],
  ServiceUnavailable: ["unavailable", BUSY],
  InternalError: ["unavailable", BUSY],
  RequestTimeout: ["unavailable", "the server waited too long for the request"],
  ConditionalRequestConflict: ["unavailable", "another program writes it at the same time"],
  OperationAborted: ["unavailable", "another program changes the bucket at the same time"],
  BadDigest: ["unavailable", "the bytes were changed on the way"],
  XAmzContentSHA256Mismatch: ["unavailable", "the bytes were changed on the way"],
  EntityTooLarge: ["invalid", "the server does not take objects that large"],
  KeyTooLongError: ["invalid", "the server does not take names that long"],
  InvalidBucketName: ["invalid", "the server does not take the name of the bucket; choose another"],
  BucketAlreadyExists: ["denied", "the bucket of that name belongs to another account; choose another name"],
  InvalidStorageClass: ["invalid", "the server does not know the storage class; change storage-class"],
  InvalidObjectState: ["denied", "it is in an archive; restore it there first"],
  NotImplemented: ["io", "the server does not implement that request"],
}
const byStatus: Readonly<Record<number, readonly [Reason, string]>> = {
  401: ["denied", "the server rejects the credentials"],
  403: ["denied", "access denied; check the credentials and their rights in the bucket"],
  408: ["unavailable", "the server waited too long for the request"],
  413: ["invalid", "the server does not take objects that large"],
  429: ["unavailable", BUSY],
  500: ["unavailable", BUSY],
  502: ["unavailable", BUSY],
  503: ["unavailable", BUSY],
  504: ["unavailable", BUSY],
  507: ["full", "no space is left; make room and run again"],
}

/**
 * The error for a refusal. It contains the server's code, but not its text, which can quote a signature.
 */
export const answerError = (refusal: Refusal, operation: S3Operation): StoreError => {
  const { bucket, location, name } = operation
  const { status } = refusal
  const code = refusalCode(refusal.text)
  const shown = code !== undefined && /^\w{1,64}$/.test(code) ? code : undefined
  const error = (reason: Reason, why: string): StoreError => {
    const wait = reason === "unavailable" ? retryAfter(refusal.headers, Date.now()) : undefined
    return operationError(operation, reason, why, wait === undefined ? {} : { retryAfter: wait })
  }
  if (code === "NoSuchBucket") {
    return error(
      "not-found",
      `there is no bucket "${bucket}"; check its name and the endpoint, or make it with penstock init`,
    )
  }
  if (status === 412) return alreadyExists(name, location)
  const known = code === undefined ? undefined : byCode[code]
  if (known !== undefined) return error(known[0], `${known[1]} (${shown})`)
  if (status === 404) return notFound(name, location)
  const region = refusalRegion(refusal)
  if (region !== undefined) {
    return error(
      "invalid",
      `the bucket is in another region; add region=${region.slice(0, 40)} to the location`,
    )
  }
  if (status >= 300 && status < 400) {
    return error("invalid", "the server redirects to another address; check endpoint, region and path-style")
  }
  const [reason, why] = byStatus[status] ?? ["io", "the server refuses"]
  return error(reason, `${why} (status ${status}${shown === undefined ? "" : `, ${shown}`})`)
}
