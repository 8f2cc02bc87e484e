/**
 * One HTTP request as a store needs it, over `fetch`.
 *
 * - What fails on the way is `unavailable`; what a status means says `status.ts`.
 * - The whole body is read before the effect ends, within a limit, and its length is verified: an answer that is cut is
 *   `unavailable`.
 * - It fails when no byte moves for a while, and stops when it is interrupted.
 * - A redirect is followed for GET and HEAD only; the password stays behind when it leads to another origin.
 * - It keeps to the limits of `Pace`.
 * - No message has the user, password or query of a URL.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../stages/store/store.ts"
import { notFound } from "../../../stages/store/name.ts"
import { type Limits, type Meter, Pace } from "../limit/pace.ts"
import { failureError, problem } from "./failure.ts"
import { readBody, type Wanted } from "./response_body.ts"
import { type Progress, type RequestBody, sendable } from "./request_body.ts"
import { statusError, type Subject } from "./status.ts"

/** Whom requests go to. */
export interface HttpOptions {
  /** URL of the store, without secrets: for messages. */
  readonly location: string
  /** Value of the header `Authorization`, sent to the origin of each request's URL. */
  readonly authorization?: Redacted.Redacted<string>
  /** How long no byte may move, in milliseconds. 60,000 by default. */
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
  /** Statuses that are no failure. */
  readonly expect: ReadonlyArray<number>
  /**
   * What is wanted of the body of such an answer; nothing by default. What it throws is what the request fails with.
   */
  readonly want?: (head: HttpHead) => Wanted
}

/** An answer without its body. */
export interface HttpHead {
  readonly status: number
  readonly headers: Headers
  /** Where it came from, after redirects. */
  readonly url: URL
  /** Length of the body in bytes, where it is said. */
  readonly length: number | undefined
}

/** An answer. */
export interface HttpAnswer extends HttpHead {
  /** What was wanted of the body. Owned by the caller. */
  readonly body: Uint8Array<ArrayBuffer>
}

const NOTHING: Wanted = { nothing: true }
const IDLE_MS = 60_000
const REDIRECTS = 5
const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

/** Sends a request. When it is interrupted, the connection is given up and the body no longer in use. */
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
    const subject: Subject = { doing: request.doing, name: request.name, location: options.location }
    const control = new AbortController()
    const idle = options.idle ?? IDLE_MS
    const giveUp = (): void =>
      control.abort(problem(subject, "unavailable", `no byte moved for ${Math.max(1, Math.round(idle / 1000))} s`))
    let timer = setTimeout(giveUp, idle)
    const moved = (): void => {
      clearTimeout(timer)
      if (!control.signal.aborted) timer = setTimeout(giveUp, idle)
    }
    /** Waits for leave, which is no silence of the server. */
    const within = (meter: Meter) => async (bytes: number): Promise<void> => {
      clearTimeout(timer)
      await Effect.runPromise(meter.charge(bytes), { signal: control.signal })
      moved()
    }
    const progress: Exchange = {
      moved,
      failed: (cause) => control.abort(cause),
      came: download === undefined ? moved : within(download),
      ...(upload === undefined ? {} : { leave: within(upload) }),
    }
    const over = exchange(options, request, subject, control.signal, progress).then(
      (answer) => Effect.succeed(answer),
      // When it is given up, each runtime throws what it likes.
      (cause) => Effect.fail(failureError(subject, control.signal.aborted ? control.signal.reason : cause)),
    ).then((outcome) => {
      clearTimeout(timer)
      control.abort() // frees what is left of the answer
      resume(outcome)
    })
    return Effect.promise(() => {
      control.abort(problem(subject, "unavailable", "the request was interrupted"))
      return over
    })
  })

interface Exchange extends Progress {
  /** So many bytes came; the next are asked for when it is over. */
  readonly came: (bytes: number) => Promise<void> | void
}

const exchange = async (
  options: HttpOptions,
  request: HttpRequest,
  subject: Subject,
  signal: AbortSignal,
  progress: Exchange,
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
      ...await sendable(request.body, headers, progress),
    })
    moved()
    const head: HttpHead = { status: response.status, headers: response.headers, url, length: lengthOf(response) }
    if (isRedirect(head.status)) {
      await readBody(subject, response, head, NOTHING, came)
      url = redirected(request, subject, head, redirects)
      continue
    }
    if (!request.expect.includes(head.status)) {
      await readBody(subject, response, head, NOTHING, came).catch(() => {})
      throw statusError(subject, head)
    }
    const encoding = head.headers.get("content-encoding") ?? "identity"
    if (request.want !== undefined && encoding !== "identity") {
      throw problem(subject, "io", `the server sends it compressed (${shown(encoding)}) though that was not asked for`)
    }
    const wanted = request.method === "HEAD" ? NOTHING : request.want?.(head) ?? NOTHING
    return { ...head, body: await readBody(subject, response, head, wanted, came) }
  }
}

const lengthOf = ({ headers }: Response): number | undefined => {
  const value = headers.get("content-length")
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** Where a redirect leads. Throws when it is not followed. */
const redirected = (request: HttpRequest, subject: Subject, { headers, url }: HttpHead, redirects: number): URL => {
  const location = headers.get("location")
  if (location === null || !URL.canParse(location, url)) {
    throw problem(subject, "io", "the server redirects to an address that is none")
  }
  const to = new URL(location, url)
  // So does a server answer that has a directory of that name.
  if (to.origin === url.origin && to.pathname === `${url.pathname}/`) throw notFound(subject.name, subject.location)
  const address = `${to.protocol}//${to.host}${to.pathname}`
  if (to.protocol !== "https:" && to.protocol !== url.protocol) {
    throw problem(subject, "io", `the server redirects to ${shown(address)}, which is not followed`)
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw problem(subject, "io", `the server redirects to ${shown(address)}; give that address as the repository`)
  }
  if (redirects >= REDIRECTS) throw problem(subject, "io", `the server redirects more than ${REDIRECTS} times`)
  to.username = to.password = ""
  return to
}

/** Text of a server as messages show it. */
const shown = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?").slice(0, 200)
