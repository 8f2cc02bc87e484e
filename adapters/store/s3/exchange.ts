/** Sends one request and reads its answer, with limits on time and length. */
import { operationError } from "../../../stages/store/operation.ts"
import { joinParts } from "../../../stages/store/parts.ts"
import { StoreError } from "../../../stages/store/store.ts"
import { describeFailure } from "../http/failure.ts"
import { contentLength } from "../http/headers.ts"
import type { Refusal, S3Operation } from "./answer_error.ts"

/** Limits of a request. */
export interface ExchangeLimits {
  /** Ends the request. */
  readonly stop: AbortSignal
  /** How long the server may be silent within an answer, in milliseconds. */
  readonly silence: number
  /** How long the answer may take to begin, in milliseconds. */
  readonly untilAnswer: number
  /** Whether the answer has no body, whatever its headers say. */
  readonly head: boolean
  /** The longest body for a status, in bytes. */
  readonly longest: (status: number) => number
  /** The error for a body of this many bytes, which is too long; undefined stands for the usual one. */
  readonly tooLong: (status: number, bytes: number) => StoreError | undefined
  /** Called when bytes came. The next ones are read when it has resolved. */
  readonly came?: (bytes: number) => Promise<void>
}

/** The answer itself is wrong. The message is the second half of a sentence. */
class BadAnswer extends Error {
  /** Whether the same request may succeed later. */
  readonly passes: boolean
  constructor(message: string, passes: boolean) {
    super(message)
    this.passes = passes
  }
}

/**
 * Reads all of a body. It has exactly the length that its headers say, or this throws: a connection that ends early
 * must never look like the end of the object.
 */
const readAll = async (
  response: Response,
  longest: number,
  tooLong: (bytes: number) => StoreError | undefined,
  came: (bytes: number) => Promise<void> | void,
): Promise<Uint8Array> => {
  const { headers } = response
  const length = contentLength(headers)
  if (length === undefined && headers.has("content-length")) {
    throw new BadAnswer("the server gives a length that is not a number", false)
  }
  const coding = headers.get("content-encoding")
  if (coding !== null && coding !== "identity" && coding !== "aws-chunked") {
    throw new BadAnswer(`the server sends it encoded as "${coding.slice(0, 20)}"`, false)
  }
  if (length !== undefined && length > longest) {
    throw tooLong(length) ??
      new BadAnswer(`the server sends ${length} bytes, but the request allows ${longest}`, false)
  }
  const whole = length === undefined ? undefined : new Uint8Array(length)
  const pieces: Array<Uint8Array> = []
  let at = 0
  const reader = response.body?.getReader()
  for (; reader !== undefined;) {
    const { done, value } = await reader.read()
    if (done) break
    await came(value.length)
    if (at + value.length > (length ?? longest)) {
      throw new BadAnswer("the server sends more bytes than it announced", false)
    }
    if (whole === undefined) pieces.push(value)
    else whole.set(value, at)
    at += value.length
  }
  if (whole === undefined) return joinParts(pieces)
  if (at !== whole.length) throw new BadAnswer(`the connection ended after ${at} of ${whole.length} bytes`, true)
  return whole
}

/**
 * Runs `start`, which sends a request, and reads the answer: as bytes if its status is 2xx, else as text. `start` calls
 * `sent` whenever a part of the request body is on its way.
 */
export const exchange = async (
  start: (signal: AbortSignal, sent: () => void) => Promise<Response>,
  limits: ExchangeLimits,
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
    const body = limits.head ? new Uint8Array(0) : await readAll(
      response,
      limits.longest(status),
      (bytes) => limits.tooLong(status, bytes),
      came,
    )
    if (status >= 200 && status < 300) return { status, headers, body }
    return { status, headers, text: new TextDecoder().decode(body) }
  } catch (cause) {
    if (late) throw new BadAnswer("the server did not answer in time", true)
    abort.abort() // the connection must not wait for bytes that nobody reads
    throw cause
  } finally {
    clearTimeout(timer)
    limits.stop.removeEventListener("abort", stopped)
  }
}

/** The error for a request that got no answer, or none that is complete and proper. */
export const exchangeError = (cause: unknown, operation: S3Operation): StoreError => {
  if (cause instanceof StoreError) return cause
  const [reason, why] = cause instanceof BadAnswer
    ? [cause.passes ? "unavailable" as const : "io" as const, cause.message]
    : describeFailure(cause)
  return operationError(operation, reason, why, { cause })
}
