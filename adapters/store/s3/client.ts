/**
 * Sends signed requests to S3. Each is sent once. It is sent again only if the answer asks for another region or for
 * fresh credentials.
 */
import type { AwsV4Signer } from "aws4fetch"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { StoreError } from "../../../stages/store/store.ts"
import { type Limits, Pace } from "../limit/pace.ts"
import { answerError, type Refusal, refusalCode, refusalRegion, type S3Operation } from "./answer_error.ts"
import type { CredentialSource, S3Credentials } from "./credentials.ts"
import { exchange, exchangeError } from "./exchange.ts"
import { isRegion, type S3Location, showS3Location } from "./location.ts"
import { EMPTY_HASH, fetchBody, hashBody, type HashedBody, passMeter } from "./request_body.ts"
import { requestUrl } from "./request_url.ts"

/** A request. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE"
  /** A verb for messages: `read`, `write`, `list`, `remove` or `open`. */
  readonly doing: string
  /** The object or directory that the request is about, for messages. */
  readonly name: string
  /** Key of the object in the bucket. Absent for the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** The bytes to send. They must not change until the effect ends. */
  readonly body?: ReadonlyArray<Uint8Array>
  /** The longest body of a good answer, in bytes. 1 MiB by default. */
  readonly longest?: number
  /** The error for a body of this many bytes, which is longer than `longest`; `io` by default. */
  readonly tooLong?: (bytes: number) => StoreError
  /** Whether status 416, for a range beyond the end, is an answer too. It has no body then. */
  readonly unsatisfiable?: boolean
}

/** An answer whose status is 2xx. */
export interface S3Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/** Sends requests to one bucket. */
export interface S3Client {
  readonly location: S3Location
  readonly send: (request: S3Request) => Effect.Effect<S3Answer, StoreError>
}

/** How to send. */
export interface S3ClientOptions {
  /** How long a server may be silent, in milliseconds. */
  readonly silence: number
}

/** The longest body of a refusal, in bytes. */
const REFUSAL_BYTES = 64 << 10
/** The longest body of a good answer by default, in bytes. */
const ANSWER_BYTES = 1 << 20
/** The slowest upload that is waited for, in bytes per millisecond. Dead connections end earlier by themselves. */
const SLOWEST_UPLOAD = 8

const isGood = (status: number): boolean => status >= 200 && status < 300

/** Codes of answers that ask for fresh credentials. */
const EXPIRED = new Set(["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"])

/** A client for a location that includes the settings of the environment. */
export const makeS3Client = (
  location: S3Location,
  credentials: CredentialSource,
  Signer: typeof AwsV4Signer,
  options: S3ClientOptions,
): S3Client => {
  const shown = showS3Location(location)
  const signingKeys = new Map<string, ArrayBuffer>()
  let region = location.region ?? "us-east-1"

  const sendOnce = async (
    request: S3Request,
    signWith: S3Credentials,
    body: HashedBody | undefined,
    stop: AbortSignal,
    { download, upload }: Limits,
  ): Promise<S3Answer | Refusal> => {
    const token = signWith.sessionToken
    const signer = new Signer({
      method: request.method,
      url: requestUrl(location, region, request.key, request.query),
      headers: { ...request.headers, "x-amz-content-sha256": body?.hash ?? EMPTY_HASH },
      accessKeyId: Redacted.value(signWith.accessKey),
      secretAccessKey: Redacted.value(signWith.secretKey),
      ...(token === undefined ? {} : { sessionToken: Redacted.value(token) }),
      service: "s3",
      region,
      cache: signingKeys,
    })
    const { headers, url } = await signer.sign()
    // Not part of the signature, because Node adds to this header.
    headers.set("accept-encoding", "identity")
    return await exchange(
      async (signal, sent) =>
        fetch(url, {
          method: request.method,
          headers,
          redirect: "manual",
          ...(body === undefined ? {} : await fetchBody(body.bytes, headers, upload, signal, sent)),
          signal,
          // Switches off Bun's own limit of five minutes for a request.
          ...{ timeout: false },
        }),
      {
        stop,
        silence: options.silence,
        untilAnswer: options.silence + (body?.bytes.length ?? 0) / SLOWEST_UPLOAD,
        head: request.method === "HEAD",
        ...(download === undefined ? {} : { came: passMeter(download, stop) }),
        longest: (status) => isGood(status) ? request.longest ?? ANSWER_BYTES : REFUSAL_BYTES,
        tooLong: (status, bytes) => isGood(status) ? request.tooLong?.(bytes) : undefined,
      },
    )
  }

  const send: S3Client["send"] = Effect.fnUntraced(function* (request) {
    const limits = yield* Pace
    const parts = request.body
    const operation: S3Operation = {
      doing: request.doing,
      name: request.name,
      bucket: location.bucket,
      location: shown,
    }
    const failed = (cause: unknown): StoreError => exchangeError(cause, operation)
    const body = parts && (yield* Effect.tryPromise({ try: () => hashBody(parts), catch: failed }))
    let fresh = false
    let moved = false
    for (;;) {
      const signWith = yield* credentials.get(fresh)
      const answer = yield* Effect.tryPromise({
        try: (stop) => sendOnce(request, signWith, body, stop, limits),
        catch: failed,
      })
      if ("body" in answer) return answer
      if (answer.status === 416 && request.unsatisfiable === true) return { ...answer, body: new Uint8Array(0) }
      const code = refusalCode(answer.text)
      if (!fresh && credentials.renews && code !== undefined && EXPIRED.has(code)) {
        fresh = true
        continue
      }
      const there = refusalRegion(answer)
      if (!moved && there !== undefined && there !== region && isRegion(there) && isMove(answer, code, location)) {
        region = there
        moved = true
        continue
      }
      return yield* answerError(answer, operation)
    }
  })
  return { location, send }
}

/** Whether the request may succeed if it is signed for, and sent to, the region that the answer names. */
const isMove = ({ status }: Refusal, code: string | undefined, { endpoint }: S3Location): boolean =>
  code === "AuthorizationHeaderMalformed" || (endpoint === undefined && status !== 403)
