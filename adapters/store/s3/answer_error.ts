/** What S3 answers when it refuses, as errors of a store. */
import { StoreError } from "../../../stages/store/store.ts"
import { alreadyExists } from "../../../stages/store/name.ts"
import { parseXml, type XmlElement } from "../http/xml.ts"
import { childText, localName } from "./answer_xml.ts"

/** An answer that is no success. */
export interface Refusal {
  readonly status: number
  readonly headers: Headers
  /** Its body as text; empty for HEAD. */
  readonly text: string
}

/** What was asked for, for messages. */
export interface Asked {
  /** `read`, `write`, `list`, `remove` or `open`. */
  readonly doing: string
  /** The object or directory. */
  readonly name: string
  readonly bucket: string
  /** Where the store is. */
  readonly location: string
}

/** The code of an error (`NoSuchKey`), or undefined. */
export const codeOf = (text: string): string | undefined => {
  const root = errorElement(text)
  return root === undefined ? undefined : childText(root, "Code")
}

const errorElement = (text: string): XmlElement | undefined => {
  if (text === "") return undefined
  try {
    const root = parseXml(text)
    return localName(root) === "Error" ? root : undefined
  } catch {
    return undefined // of a proxy, perhaps; the status says enough
  }
}

/** The region that the server says the bucket is in, when the answer is about that. */
export const regionOf = ({ headers, status, text }: Refusal): string | undefined => {
  if (status !== 301 && status !== 307 && status !== 400) return undefined
  const root = errorElement(text)
  return headers.get("x-amz-bucket-region") ?? (root === undefined ? undefined : childText(root, "Region")) ?? undefined
}

/** Milliseconds of `Retry-After`, which is in seconds or a date. */
export const retryAfterOf = (headers: Headers): number | undefined => {
  const value = headers.get("retry-after")?.trim()
  if (value === undefined) return undefined
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

type Reason = StoreError["reason"]

const BUSY = "the server is busy or has a fault; try again later"
const byCode: Readonly<Record<string, readonly [Reason, string]>> = {
  NoSuchUpload: ["io", "the upload is gone: the server or somebody else ended it; run again"],
  AccessDenied: ["denied", "access denied; give these credentials the right to do that in the bucket"],
  AllAccessDisabled: ["denied", "access to the bucket is switched off"],
  InvalidAccessKeyId: ["denied", "the server does not know the access key; check AWS_ACCESS_KEY_ID or the profile"],
  SignatureDoesNotMatch: ["denied", "the secret key is wrong; check AWS_SECRET_ACCESS_KEY or the profile"],
  ExpiredToken: ["denied", "the credentials have expired; get new ones"],
  ExpiredTokenException: ["denied", "the credentials have expired; get new ones"],
  TokenRefreshRequired: ["denied", "the credentials have expired; get new ones"],
  InvalidToken: ["denied", "the session token is wrong; check AWS_SESSION_TOKEN or the profile"],
  RequestTimeTooSkewed: ["denied", "the clock of this machine and that of the server differ too much; set the clock"],
  QuotaExceeded: ["full", "the quota is used up; make room or ask for more, and run again"],
  XMinioStorageFull: ["full", "no space is left; make room and run again"],
  InsufficientStorage: ["full", "no space is left; make room and run again"],
  SlowDown: ["unavailable", BUSY],
  ServiceUnavailable: ["unavailable", BUSY],
  InternalError: ["unavailable", BUSY],
  RequestTimeout: ["unavailable", "the server waited too long for the request"],
  ConditionalRequestConflict: ["unavailable", "somebody else writes it at the same time"],
  OperationAborted: ["unavailable", "somebody else changes the bucket at the same time"],
  BadDigest: ["unavailable", "the bytes did not arrive as they were sent"],
  XAmzContentSHA256Mismatch: ["unavailable", "the bytes did not arrive as they were sent"],
  EntityTooLarge: ["invalid", "the server does not take objects that large"],
  KeyTooLongError: ["invalid", "the server does not take names that long"],
  InvalidBucketName: ["invalid", "the server does not take the name of the bucket; choose another"],
  BucketAlreadyExists: ["denied", "the name of the bucket belongs to somebody else; choose another"],
  InvalidStorageClass: ["invalid", "the server does not have the storage class; change storage-class"],
  InvalidObjectState: ["denied", "it is in an archive; restore it there first"],
  NotImplemented: ["io", "the server does not implement what was asked for"],
}
const byStatus: Readonly<Record<number, readonly [Reason, string]>> = {
  401: ["denied", "the server wants other credentials"],
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

/** The error for a refusal. What the server says itself is not repeated but for its code: it can quote a signature. */
export const answerError = (refusal: Refusal, asked: Asked): StoreError => {
  const { bucket, doing, location, name } = asked
  const code = codeOf(refusal.text)
  const shown = code !== undefined && /^\w{1,64}$/.test(code) ? ` (${code})` : ""
  const make = (reason: Reason, message: string): StoreError => {
    const wait = reason === "unavailable" ? retryAfterOf(refusal.headers) : undefined
    return new StoreError({ reason, object: name, message, ...(wait === undefined ? {} : { retryAfter: wait }) })
  }
  const what = name === "" ? location : `"${name}" in ${location}`
  if (code === "NoSuchBucket") {
    return make(
      "not-found",
      `Cannot ${doing} ${what}: there is no bucket "${bucket}"; check its name and the endpoint, or make it with penstock init`,
    )
  }
  if (refusal.status === 412) return alreadyExists(name, location)
  const known = code === undefined ? undefined : byCode[code]
  if (known !== undefined) return make(known[0], `Cannot ${doing} ${what}: ${known[1]}${shown}`)
  if (refusal.status === 404) return make("not-found", `"${name}" is not in ${location}`)
  const region = regionOf(refusal)
  if (region !== undefined) {
    return make(
      "invalid",
      `Cannot ${doing} ${what}: the bucket is in another region; add region=${region.slice(0, 40)} to the location`,
    )
  }
  if (refusal.status >= 300 && refusal.status < 400) {
    return make(
      "invalid",
      `Cannot ${doing} ${what}: the server sends to another address; check endpoint, region and path-style`,
    )
  }
  const [reason, why] = byStatus[refusal.status] ?? ["io", "the server refuses"]
  return make(reason, `Cannot ${doing} ${what}: ${why} (status ${refusal.status}${shown === "" ? "" : `, ${code}`})`)
}
