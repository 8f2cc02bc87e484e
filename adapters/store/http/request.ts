/**
 * One HTTP request as a store needs it, by `fetch`.
 *
 * - A broken connection is `unavailable`. `status.ts` says what each status means.
 * - The effect ends when the body has been read, within a limit. Its length is verified: an answer that was cut off is
 *   `unavailable`.
 * - The request fails if no byte moves for a while. Interruption stops it.
 * - Redirects are followed for GET and HEAD only. The password is not sent to another origin.
 * - The limits of `Pace` hold within a body.
 * - No message contains the user, the password or the query of a URL.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { notFound } from "../../../stages/store/errors.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { type Limits, type Meter, Pace } from "../limit/pace.ts"
import { failureError } from "./failure.ts"
import { contentLength } from "./headers.ts"
import { type BodyProgress, makeRequestInit, type RequestBody } from "./request_body.ts"
import { readBody, type Wanted } from "./response_body.ts"
import { httpStatusError } from "./status.ts"

/** A server, as all requests of a store see it. */
export interface HttpOptions {
  /** URL of the store without secrets, for messages. */
  readonly location: string
  /** Value of the header `Authorization`. It goes to the origin of a request's own URL only. */
  readonly authorization?: Redacted.Redacted<string>
  /** How long no byte may move before a request fails, in milliseconds. 60,000 by default. */
  readonly idle?: number
}

/** A request. */
export interface HttpRequest {
  /** A verb for messages: `read`, `write`, `list`, `remove`, `open`. */
  readonly doing: string
  /** Name of the object or directory, for errors. */
  readonly name: string
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: RequestBody
  /** Statuses that are not a failure. */
  readonly expect: ReadonlyArray<number>
  /** Says which part of the body is wanted; nothing by default. If it throws, the request fails with that. */
  readonly want?: (head: HttpHead) => Wanted
}

/** An answer without its body. */
export interface HttpHead {
  readonly status: number
  readonly headers: Headers
  /** The URL that answered, after redirects. */
  readonly url: URL
  /** Length of the body in bytes, if the server tells it. */
  readonly length: number | undefined
}

/** An answer. */
export interface HttpAnswer extends HttpHead {
  /** The wanted part of the body. Owned by the caller. */
  readonly body: Uint8Array<ArrayBuffer>
}

const NOTHING: Wanted = { nothing: true }
const IDLE_MS = 60_000
const REDIRECTS = 5
const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

/**
 * Sends a request. If it is interrupted, the connection is dropped, and the request body is no longer in use when the
 * effect ends.
 */
export const send: (options: HttpOptions, request: HttpRequest) => Effect.Effect<HttpAnswer, StoreError> = Effect
  .fnUntraced(function* (options, request) {
    return yield* sendWithin(yield* Pace, options, request)
  })

const sendWithin = (
  { download, upload }: Limits,
  options: HttpOptions,
  request: HttpRequest,
): Effect.Effect<HttpAnswer, StoreError> =>
  Effect.callback<HttpAnswer, StoreError>((resume) => {
    const operation: Operation = { doing: request.doing, name: request.name, location: options.location }
    const control = new AbortController()
    const idle = options.idle ?? IDLE_MS
    const giveUp = (): void =>
      control.abort(
        operationError(operation, "unavailable", `no byte moved for ${Math.max(1, Math.round(idle / 1000))} s`),
      )
    let timer = setTimeout(giveUp, idle)
    const moved = (): void => {
      clearTimeout(timer)
      if (!control.signal.aborted) timer = setTimeout(giveUp, idle)
    }
    /** Waits for a meter. This wait does not count as silence of the server. */
    const within = (meter: Meter) => async (bytes: number): Promise<void> => {
      clearTimeout(timer)
      await Effect.runPromise(meter.charge(bytes), { signal: control.signal })
      moved()
    }
    const progress: ExchangeProgress = {
      moved,
      failed: (cause) => control.abort(cause),
      came: download === undefined ? moved : within(download),
      ...(upload === undefined ? {} : { leave: within(upload) }),
    }
    const over = exchange(options, request, operation, control.signal, progress).then(
      (answer) => Effect.succeed(answer),
      // After an abort each runtime throws something else; the signal has the reason.
      (cause) => Effect.fail(failureError(operation, control.signal.aborted ? control.signal.reason : cause)),
    ).then((outcome) => {
      clearTimeout(timer)
      control.abort() // drops the unread rest of the answer
      resume(outcome)
    })
    return Effect.promise(() => {
      control.abort(operationError(operation, "unavailable", "the request was interrupted"))
      return over
    })
  })

interface ExchangeProgress extends BodyProgress {
  /** Called when bytes come. The next ones are read when it has resolved. */
  readonly came: (bytes: number) => Promise<void> | void
}

const exchange = async (
  options: HttpOptions,
  request: HttpRequest,
  operation: Operation,
  signal: AbortSignal,
  progress: ExchangeProgress,
): Promise<HttpAnswer> => {
  let { url } = request
  const { came, moved } = progress
  for (let redirects = 0;; redirects++) {
    const headers: Record<string, string> = { "accept-encoding": "identity", ...request.headers }
    if (options.authorization !== undefined && url.origin === request.url.origin) {
      headers["authorization"] = Redacted.value(options.authorization)
    }
    const response = await fetch(url, {
      method: request.method,
      redirect: "manual",
      signal,
      ...await makeRequestInit(request.body, headers, progress),
    })
    moved()
    const length = contentLength(response.headers)
    const head: HttpHead = { status: response.status, headers: response.headers, url, length }
    const read = (wanted: Wanted) => readBody(operation, response.body, length, wanted, came)
    if (isRedirect(head.status)) {
      await read(NOTHING)
      url = redirectTarget(request, operation, head, redirects)
      continue
    }
    if (!request.expect.includes(head.status)) {
      await read(NOTHING).catch(() => {})
      throw httpStatusError(operation, head)
    }
    const encoding = head.headers.get("content-encoding") ?? "identity"
    if (request.want !== undefined && encoding !== "identity") {
      throw operationError(
        operation,
        "io",
        `the server sends it compressed (${printable(encoding)}) although the request asks for plain bytes`,
      )
    }
    const wanted = request.method === "HEAD" ? NOTHING : request.want?.(head) ?? NOTHING
    return { ...head, body: await read(wanted) }
  }
}

/** The URL that a redirect leads to. Throws if the redirect must not be followed. */
const redirectTarget = (
  request: HttpRequest,
  operation: Operation,
  { headers, url }: HttpHead,
  redirects: number,
): URL => {
  const refuse = (why: string): StoreError => operationError(operation, "io", why)
  const location = headers.get("location")
  if (location === null || !URL.canParse(location, url)) throw refuse("the server redirects to an invalid address")
  const to = new URL(location, url)
  // A server that has a directory of that name redirects to it.
  if (to.origin === url.origin && to.pathname === `${url.pathname}/`) {
    throw notFound(operation.name, operation.location)
  }
  const address = printable(`${to.protocol}//${to.host}${to.pathname}`)
  if (to.protocol !== "https:" && to.protocol !== url.protocol) {
    throw refuse(`the server redirects to ${address}, which is not followed`)
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw refuse(`the server redirects to ${address}; give that address as the repository`)
  }
  if (redirects >= REDIRECTS) throw refuse(`the server redirects more than ${REDIRECTS} times`)
  to.username = to.password = ""
  return to
}

/** Text of a server, made safe for messages. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?").slice(0, 200)
