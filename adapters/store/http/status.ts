/** What the status of an HTTP answer means to a store. */
import { StoreError } from "../../../stages/store/store.ts"
import { notFound } from "../../../stages/store/name.ts"

/** The operation that an answer belongs to: for messages, without secrets. */
export interface Subject {
  /** A verb: `read`, `write`, `list`, `remove`, `open`. */
  readonly doing: string
  /** Name of the object, or the directory listed. */
  readonly name: string
  /** The URL of the store, without user, password and query. */
  readonly location: string
}

type Meaning = readonly [StoreError["reason"], string]

const known: Readonly<Record<number, Meaning>> = {
  400: ["io", "the server does not understand the request"],
  401: ["denied", "the server wants another user name or password"],
  402: ["denied", "the server wants to be paid"],
  403: ["denied", "the server forbids it; check the rights of the user"],
  405: ["denied", "the server does not allow it there"],
  407: ["denied", "the proxy wants a user name and password"],
  408: ["unavailable", "the server waited too long for the request"],
  409: ["io", "a directory is missing, or something stands in the way"],
  411: ["io", "the server does not take a request body of unknown length"],
  412: ["exists", "there is one of that name"],
  413: [
    "io",
    "the server does not take objects that large; raise its limit (client_max_body_size of nginx, LimitRequestBody of Apache)",
  ],
  414: ["invalid", "the server does not take names that long"],
  421: ["io", "the server is not in charge of that host name"],
  423: ["unavailable", "it is locked by another client"],
  425: ["unavailable", "the server asks to send the request again"],
  429: ["unavailable", "the server gets too many requests"],
  500: ["unavailable", "the server failed; its log says why"],
  501: ["io", "the server does not know the method; is WebDAV switched on?"],
  502: ["unavailable", "the proxy gets no proper answer from the server"],
  503: ["unavailable", "the server is overloaded or being serviced"],
  504: ["unavailable", "the proxy gets no answer from the server in time"],
  507: ["full", "the server has no space left; make room and run again"],
  508: ["io", "the server is caught in a loop"],
}

/** An answer as far as its meaning goes. */
export interface StatusAndHeaders {
  readonly status: number
  readonly headers: Headers
}

/** The error that an answer stands for: 404 and 410 `not-found`; `retryAfter` from the header of that name. */
export const statusError = (subject: Subject, { headers, status }: StatusAndHeaders): StoreError => {
  const { doing, location, name } = subject
  if (status === 404 || status === 410) return notFound(name, location)
  const [reason, why] = known[status] ??
    [status >= 500 ? "unavailable" : "io", "the server gave an answer that is not expected"]
  const wait = reason === "unavailable" ? retryAfter(headers, Date.now()) : undefined
  return new StoreError({
    reason,
    object: name,
    message: `Cannot ${doing} ${whatOf(subject)}: ${why} (HTTP status ${status})`,
    ...(wait === undefined ? {} : { retryAfter: wait }),
  })
}

/** How messages name what an operation is about. */
export const whatOf = ({ location, name }: Subject): string => name === "" ? location : `"${name}" in ${location}`

/**
 * Milliseconds that `Retry-After` asks to wait, given in seconds or as a date. Undefined without one that makes sense.
 */
export const retryAfter = (headers: Headers, now: number): number | undefined => {
  const value = headers.get("retry-after")?.trim()
  if (value === undefined || value === "") return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = /[a-z]/i.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
