/** Awaits an answer and reads its body, with limits on time and length, and tells what became of a connection. */
import { StoreError } from "../../../stages/store/store.ts"
import { joinParts } from "../../../stages/store/parts.ts"
import type { Asked, Refusal } from "./answer_error.ts"

/** Limits of a request. */
export interface BodyLimits {
  /** Ends the request. */
  readonly stop: AbortSignal
  /** How long the server may be silent within an answer, in milliseconds. */
  readonly silence: number
  /** How long until the answer begins, in milliseconds. */
  readonly untilAnswer: number
  /** Whether an answer has no body, whatever its headers say. */
  readonly head: boolean
  /** Longest body by status, in bytes. */
  readonly longest: (status: number) => number
  /** What a longer one, of so many bytes, fails with; like any answer that is not proper, when undefined. */
  readonly tooLong: (status: number, bytes: number) => StoreError | undefined
  /** So many bytes came; the next are read when it is over. */
  readonly came?: (bytes: number) => Promise<void>
}

/** Thrown for what is wrong with the answer itself. The message says what, after a colon. */
class BadAnswer extends Error {
  readonly passes: boolean
  constructor(message: string, passes: boolean) {
    super(message)
    this.passes = passes
  }
}

const lengthOf = (headers: Headers): number | undefined => {
  const value = headers.get("content-length")
  if (value === null) return undefined
  if (!/^\d{1,15}$/.test(value)) throw new BadAnswer("the server says a length that is no number", false)
  return Number(value)
}

/**
 * Reads all of a body. It has exactly the length that its headers say, or it throws: a connection that ends early must
 * never pass for the end of the object.
 */
const readAll = async (
  response: Response,
  longest: number,
  tooLong: (bytes: number) => StoreError | undefined,
  came: (bytes: number) => Promise<void> | void,
): Promise<Uint8Array> => {
  const length = lengthOf(response.headers)
  const coding = response.headers.get("content-encoding")
  if (coding !== null && coding !== "identity" && coding !== "aws-chunked") {
    throw new BadAnswer(`the server sends it encoded as "${coding.slice(0, 20)}"`, false)
  }
  if (length !== undefined && length > longest) {
    throw tooLong(length) ??
      new BadAnswer(`the server sends ${length} bytes, more than the ${longest} that fit the question`, false)
  }
  const out = length === undefined ? undefined : new Uint8Array(length)
  const pieces: Array<Uint8Array> = []
  let at = 0
  const reader = response.body?.getReader()
  for (; reader !== undefined;) {
    const { done, value } = await reader.read()
    if (done) break
    await came(value.length)
    if (at + value.length > (length ?? longest)) throw new BadAnswer("the server sends more bytes than it said", false)
    if (out === undefined) pieces.push(value)
    else out.set(value, at)
    at += value.length
  }
  if (out === undefined) return joinParts(pieces)
  if (at !== out.length) throw new BadAnswer(`the connection ended after ${at} of ${out.length} bytes`, true)
  return out
}

/**
 * Sends and reads the answer: as bytes when its status is 2xx, else as text. `start` calls `sent` when a part of its
 * body is on its way.
 */
export const readBody = async (
  start: (signal: AbortSignal, sent: () => void) => Promise<Response>,
  limits: BodyLimits,
): Promise<{ status: number; headers: Headers; body: Uint8Array } | Refusal> => {
  const abort = new AbortController()
  const stopped = (): void => abort.abort()
  limits.stop.addEventListener("abort", stopped, { once: true })
  let late = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const wait = (milliseconds: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      late = true
      abort.abort()
    }, Math.min(milliseconds, 2 ** 31 - 1))
  }
  try {
    wait(limits.untilAnswer)
    const response = await start(abort.signal, () => wait(limits.untilAnswer))
    wait(limits.silence)
    const { headers, status } = response
    const came = async (bytes: number): Promise<void> => {
      clearTimeout(timer)
      await limits.came?.(bytes)
      wait(limits.silence)
    }
    const body = limits.head ? NOTHING : await readAll(
      response,
      limits.longest(status),
      (bytes) => limits.tooLong(status, bytes),
      came,
    )
    if (status >= 200 && status < 300) return { status, headers, body }
    return { status, headers, text: new TextDecoder().decode(body) }
  } catch (cause) {
    if (late) throw new BadAnswer("the server did not answer in time", true)
    abort.abort() // what has not been read is not wanted: the connection must not wait for it
    throw cause
  } finally {
    clearTimeout(timer)
    limits.stop.removeEventListener("abort", stopped)
  }
}

const NOTHING = new Uint8Array(0)

/** Codes and messages of an error and its causes: each runtime keeps them elsewhere. */
const saidBy = (cause: unknown): string => {
  const said: Array<string> = []
  for (let one = cause, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) {
    said.push("code" in one ? String(one.code) : "", one.message)
  }
  return said.join(" ")
}

/** The error for a request that got no answer, or one that broke off. */
export const connectionError = (cause: unknown, { doing, location, name }: Asked): StoreError => {
  const what = name === "" ? location : `"${name}" in ${location}`
  const make = (reason: StoreError["reason"], why: string): StoreError =>
    new StoreError({ reason, object: name, message: `Cannot ${doing} ${what}: ${why}`, cause })
  if (cause instanceof StoreError) return cause
  if (cause instanceof BadAnswer) return make(cause.passes ? "unavailable" : "io", cause.message)
  if (cause instanceof RangeError) return make("io", "it is too large for the memory of this machine")
  const said = saidBy(cause)
  if (/cert|self.signed|unable to verify|UnknownIssuer/i.test(said)) {
    return make(
      "io",
      "the certificate of the server is not trusted; install its authority, or check the name of the host",
    )
  }
  if (/wrong version number|WRONG_VERSION|InvalidContentType|corrupt message|packet length too long/i.test(said)) {
    return make("io", "the server does not speak TLS on that port; write http:// for a server without it")
  }
  if (/bad port/i.test(said)) {
    return make("invalid", "the port is one that the runtime never connects to by HTTP; let the server use another")
  }
  if (/ENOTFOUND|EAI_|dns|FailedToOpenSocket|lookup/i.test(said)) {
    return make("unavailable", "the name of the server is not known or the network is down; check the endpoint")
  }
  if (/ECONNREFUSED|ConnectionRefused|refused/i.test(said)) {
    return make("unavailable", "the server does not take connections; check the endpoint, and whether it runs")
  }
  return make("unavailable", "the connection broke off")
}
