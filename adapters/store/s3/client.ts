/** Sends signed requests to S3. Each is sent once, but for a new region or new credentials that an answer asks for. */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import type { AwsV4Signer } from "aws4fetch"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../stages/store/store.ts"
import { streamOf } from "../http/request_body.ts"
import { type Limits, type Meter, Pace, PIECE } from "../limit/pace.ts"
import { joinParts, sizeOfParts } from "../../../stages/store/parts.ts"
import { answerError, codeOf, type Refusal, regionOf } from "./answer_error.ts"
import type { CredentialSource, S3Credentials } from "./credentials.ts"
import { connectionError, readBody } from "./connection.ts"
import { isRegion, type S3Location, showS3Location } from "./location.ts"

/** A request. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE"
  /** `read`, `write`, `list`, `remove` or `open`, for messages. */
  readonly doing: string
  /** The object or directory that it is about, for messages. */
  readonly name: string
  /** The object: its key in the bucket. The bucket itself, when absent. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Not changed until the effect ends. */
  readonly body?: ReadonlyArray<Uint8Array>
  /** The longest body of a good answer that is read, in bytes. 1 MiB by default. */
  readonly longest?: number
  /** What a longer one, of so many bytes, fails with; `io` by default. */
  readonly tooLong?: (bytes: number) => StoreError
  /** Whether status 416, for a range that begins beyond the end, is an answer too. It has no body then. */
  readonly unsatisfiable?: boolean
}

/** A good answer: its status is 2xx. */
export interface S3Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/** Sends requests. */
export interface S3Client {
  readonly location: S3Location
  readonly send: (request: S3Request) => Effect.Effect<S3Answer, StoreError>
}

/** How to send. */
export interface S3ClientOptions {
  /** How long a server may be silent, in milliseconds. */
  readonly silence: number
}

/** Of error messages. */
const REFUSAL_BYTES = 64 << 10
const ANSWER_BYTES = 1 << 20
/** An upload takes no longer than at this rate, in bytes per millisecond: dead connections end earlier than that. */
const SLOWEST_UPLOAD = 8
/**
 * On Node a blob goes out in pieces, so that a slow line does not look like a silent server to it. Deno would not say
 * the length of a blob.
 */
const inPieces = !("Deno" in globalThis) && !("Bun" in globalThis)
/** Deno sends streams without their length, which servers refuse. There, a body waits before it is sent. */
const streams = !("Deno" in globalThis)
/** Bodies from here on are hashed beside the main thread. */
const HASH_BESIDE = 256 << 10

/** A body as one piece, with its SHA-256 in hex. */
const sealBody = async (
  parts: ReadonlyArray<Uint8Array>,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; hash: string }> => {
  const only = parts.length === 1 ? parts[0]! : undefined
  // What takes it from here on takes no memory that threads share.
  const bytes = isPrivate(only) ? only : joinParts(parts)
  const hash = bytes.length < HASH_BESIDE
    ? createHash("sha256").update(bytes).digest("hex")
    : Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex")
  return { bytes, hash }
}

/** Waits until so many bytes may pass. */
const passing = (meter: Meter, stop: AbortSignal) => (bytes: number): Promise<void> =>
  Effect.runPromise(meter.charge(bytes), { signal: stop })

/**
 * What `fetch` takes of a body, with its length in the headers where it does not find out by itself. `sent`: another
 * part is on its way.
 */
const bodyOf = async (
  bytes: Uint8Array<ArrayBuffer>,
  headers: Headers,
  upload: Meter | undefined,
  stop: AbortSignal,
  sent: () => void,
): Promise<RequestInit & { readonly duplex?: "half" }> => {
  if (upload !== undefined) {
    const leave = passing(upload, stop)
    if (streams && bytes.length > PIECE) {
      headers.set("content-length", String(bytes.length))
      return { body: streamOf([bytes], { moved: sent, failed: () => {}, leave }), duplex: "half" }
    }
    await leave(bytes.length)
    sent()
  }
  return { body: inPieces ? new Blob([bytes]) : bytes }
}

const isPrivate = (bytes: Uint8Array | undefined): bytes is Uint8Array<ArrayBuffer> =>
  bytes !== undefined && bytes.buffer instanceof ArrayBuffer

/** AWS puts the bucket into the name of the host, where its certificate matches; everybody else has it in the path. */
const urlOf = (location: S3Location, region: string, request: S3Request): string => {
  const { bucket, endpoint } = location
  const host = `s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`
  const origin = new URL(endpoint ?? `https://${host}`)
  const inPath = location.pathStyle ?? (endpoint !== undefined || !/^[a-z0-9-]+$/.test(bucket))
  const key = (request.key ?? "").split("/").map(encodeKey).join("/")
  const query = Object.entries(request.query ?? {})
    .map(([name, value]) => `${encodeKey(name)}=${encodeKey(value)}`).join("&")
  return `${origin.protocol}//${inPath ? origin.host : `${bucket}.${origin.host}`}/${
    inPath ? `${bucket}${key === "" ? "" : "/"}` : ""
  }${key}${query === "" ? "" : `?${query}`}`
}

const encodeKey = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

const isGood = (status: number): boolean => status >= 200 && status < 300

/** Codes that ask for fresh credentials. */
const EXPIRED = new Set(["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"])

/** A client for a location that has all that the environment adds. */
export const makeS3Client = (
  location: S3Location,
  credentials: CredentialSource,
  Signer: typeof AwsV4Signer,
  options: S3ClientOptions,
): S3Client => {
  const shown = showS3Location(location)
  const keys = new Map<string, ArrayBuffer>()
  let region = location.region ?? "us-east-1"

  const attempt = async (
    request: S3Request,
    signWith: S3Credentials,
    bytes: Uint8Array<ArrayBuffer> | undefined,
    hash: string,
    stop: AbortSignal,
    { download, upload }: Limits,
  ): Promise<S3Answer | Refusal> => {
    const token = signWith.sessionToken
    const signer = new Signer({
      method: request.method,
      url: urlOf(location, region, request),
      headers: { ...request.headers, "x-amz-content-sha256": hash },
      accessKeyId: Redacted.value(signWith.accessKey),
      secretAccessKey: Redacted.value(signWith.secretKey),
      ...(token === undefined ? {} : { sessionToken: Redacted.value(token) }),
      service: "s3",
      region,
      cache: keys,
    })
    const { headers, url } = await signer.sign()
    // Not signed: Node adds to it.
    headers.set("accept-encoding", "identity")
    return await readBody(
      async (signal, sent) =>
        fetch(url, {
          method: request.method,
          headers,
          redirect: "manual",
          ...(bytes === undefined ? {} : await bodyOf(bytes, headers, upload, signal, sent)),
          signal,
          // Bun's own limit of five minutes for a request.
          ...{ timeout: false },
        }),
      {
        stop,
        silence: options.silence,
        untilAnswer: options.silence + (bytes?.length ?? 0) / SLOWEST_UPLOAD,
        head: request.method === "HEAD",
        ...(download === undefined ? {} : { came: passing(download, stop) }),
        longest: (status) => isGood(status) ? request.longest ?? ANSWER_BYTES : REFUSAL_BYTES,
        tooLong: (status, bytes) => isGood(status) ? request.tooLong?.(bytes) : undefined,
      },
    )
  }

  const send: S3Client["send"] = Effect.fnUntraced(function* (request) {
    const limits = yield* Pace
    const parts = request.body
    const asked = { doing: request.doing, name: request.name, bucket: location.bucket, location: shown }
    const failed = (cause: unknown): StoreError => connectionError(cause, asked)
    const { bytes, hash } = parts === undefined || sizeOfParts(parts) === 0
      ? { bytes: parts === undefined ? undefined : new Uint8Array(0), hash: EMPTY_HASH }
      : yield* Effect.tryPromise({ try: () => sealBody(parts), catch: failed })
    let fresh = false
    let moved = false
    for (;;) {
      const signWith = yield* credentials.get(fresh)
      const answer = yield* Effect.tryPromise({
        try: (stop) => attempt(request, signWith, bytes, hash, stop, limits),
        catch: failed,
      })
      if ("body" in answer) return answer
      if (answer.status === 416 && request.unsatisfiable === true) return { ...answer, body: NOTHING }
      const code = codeOf(answer.text)
      if (!fresh && credentials.renews && code !== undefined && EXPIRED.has(code)) {
        fresh = true
        continue
      }
      const there = regionOf(answer)
      if (!moved && there !== undefined && there !== region && isRegion(there) && isMove(answer, code, location)) {
        region = there
        moved = true
        continue
      }
      return yield* answerError(answer, asked)
    }
  })
  return { location, send }
}

/** Whether the same request may succeed when it is signed for, and sent to, the region that the answer names. */
const isMove = ({ status }: Refusal, code: string | undefined, { endpoint }: S3Location): boolean =>
  code === "AuthorizationHeaderMalformed" || (endpoint === undefined && status !== 403)

const NOTHING = new Uint8Array(0)
const EMPTY_HASH = createHash("sha256").digest("hex")
