/** What went wrong with a connection. Messages of the runtimes can contain whole URLs, so none of them is passed on. */
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import { StoreError } from "../../../stages/store/store.ts"

type Reason = StoreError["reason"]

/** Error codes of Node and Bun, and the words of Deno. The first pattern that matches counts. */
const known: ReadonlyArray<readonly [pattern: RegExp, reason: Reason, why: string]> = [
  [
    /ECONNREFUSED|connection ?refused/i,
    "unavailable",
    "the connection is refused; check the address, and whether the server is running",
  ],
  // Before the names: the message for a wrong certificate can list names as "DNS:host".
  [
    /CERT|SELF.SIGNED|UNABLE_TO_|unable to verify|UnknownIssuer|NotValidForName/i,
    "io",
    "the certificate of the server is not trusted; check the host name, or name the authority in " +
    "NODE_EXTRA_CA_CERTS (DENO_CERT on Deno)",
  ],
  [
    /ENOTFOUND|EAI_|dns|FailedToOpenSocket|lookup/i,
    "unavailable",
    "the host name is not known, or the network is down; check the address",
  ],
  [
    /ERR_SSL|EPROTO|tls|ssl|InvalidContentType|wrong.version|corrupt message|packet length too long/i,
    "io",
    "the server does not speak TLS on that port; write http: in the location if it has no TLS",
  ],
  [/ETIMEDOUT|CONNECT_TIMEOUT|timed out/i, "unavailable", "the connection timed out"],
  [/EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|unreachable/i, "unavailable", "the host cannot be reached"],
  [/bad port|blocked/i, "invalid", "the runtime never connects to that port by HTTP; let the server use another"],
  [
    /UND_ERR_SOCKET|ECONNRESET|EPIPE|ECONNABORTED|reset|closed|reading a body/i,
    "unavailable",
    "the connection broke",
  ],
]

/** Codes and messages of an error and its causes, without URLs. Each runtime puts them elsewhere. */
const wordsOf = (cause: unknown): string => {
  let words = ""
  for (let i = 0; i < 5 && cause instanceof Error; i++, cause = cause.cause) {
    const code = "code" in cause ? String(cause.code) : ""
    words += ` ${code} ${cause.message.replace(/\b[a-z]+:\/\/\S+/gi, "")}`
  }
  return words
}

/** The reason of a failure of `fetch`, and an explanation for messages. */
export const describeFailure = (cause: unknown): readonly [reason: Reason, why: string] => {
  if (cause instanceof RangeError) return ["io", "it does not fit into the memory of this machine"]
  const words = wordsOf(cause)
  const [, reason, why] = known.find(([pattern]) => pattern.test(words)) ??
    [/./, "unavailable" as const, "the connection failed"]
  return [reason, why]
}

/** The error for a request that got no complete answer. A {@link StoreError} stays as it is. */
export const failureError = (operation: Operation, cause: unknown): StoreError =>
  cause instanceof StoreError ? cause : operationError(operation, ...describeFailure(cause))
