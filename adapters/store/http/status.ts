/** What the status of an HTTP answer means to a store. */
import { notFound } from "../../../stages/store/errors.ts"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { retryAfter } from "./headers.ts"

type Meaning = readonly [StoreError["reason"], string]

const known: Readonly<Record<number, Meaning>> = {
  400: ["io", "the server does not understand the request"],
  401: ["denied", "the server rejects the user name or password"],
  402: ["denied", "the server asks for payment"],
  403: ["denied", "the server forbids it; check the rights of the user"],
  405: ["denied", "the server does not allow it there"],
  407: ["denied", "the proxy asks for a user name and password"],
  408: ["unavailable", "the server waited too long for the request"],
  409: ["io", "a directory is missing, or something stands in the way"],
  411: ["io", "the server does not take a request body of unknown length"],
  412: ["exists", "an object of that name exists"],
  413: [
    "io",
    "the server does not take objects that large; raise its limit (client_max_body_size of nginx, LimitRequestBody " +
    "of Apache)",
  ],
  414: ["invalid", "the server does not take names that long"],
  421: ["io", "the server is not responsible for that host name"],
  423: ["unavailable", "another client has locked it"],
  425: ["unavailable", "the server asks to send the request again"],
  429: ["unavailable", "the server gets too many requests"],
  500: ["unavailable", "the server failed; its log says why"],
  501: ["io", "the server does not know the method; is WebDAV switched on?"],
  502: ["unavailable", "the proxy gets no proper answer from the server"],
  503: ["unavailable", "the server is overloaded or down for maintenance"],
  504: ["unavailable", "the proxy gets no answer from the server in time"],
  507: ["full", "the server has no space left; make room and run again"],
  508: ["io", "the server is caught in a loop"],
}

/** The part of an answer that its meaning depends on. */
export interface StatusAndHeaders {
  readonly status: number
  readonly headers: Headers
}

/** The cause of an error that stands for the status of an answer; {@link httpStatusOf} reads it. */
class HttpStatus {
  readonly status: number
  constructor(status: number) {
    this.status = status
  }
}

/**
 * The error for an answer that the request did not expect. 404 and 410 are `not-found`. An `unavailable` one carries
 * the wait that the server asks for.
 */
export const httpStatusError = (operation: Operation, { headers, status }: StatusAndHeaders): StoreError => {
  const cause = new HttpStatus(status)
  if (status === 404 || status === 410) return notFound(operation.name, operation.location, cause)
  const [reason, why] = known[status] ?? [status >= 500 ? "unavailable" : "io", "the server's answer is not expected"]
  const wait = reason === "unavailable" ? retryAfter(headers, Date.now()) : undefined
  return operationError(operation, reason, `${why} (HTTP status ${status})`, {
    cause,
    ...(wait === undefined ? {} : { retryAfter: wait }),
  })
}

/** The HTTP status that an error of {@link httpStatusError} stands for; undefined for other errors. */
export const httpStatusOf = ({ cause }: StoreError): number | undefined =>
  cause instanceof HttpStatus ? cause.status : undefined
