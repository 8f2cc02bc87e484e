/** What went wrong with a connection. Messages of the runtimes may hold whole URLs, so none of them is passed on. */
import { StoreError } from "../../../stages/store/store.ts"
import { type Subject, whatOf } from "./status.ts"

type Meaning = readonly [pattern: RegExp, reason: StoreError["reason"], why: string]

/** Codes of Node and Bun, and what Deno says in words. */
const known: ReadonlyArray<Meaning> = [
  [/ECONNREFUSED|connection refused/i, "unavailable", "the connection is refused; is the server running?"],
  [/ENOTFOUND|EAI_|dns error|DNS/, "unavailable", "the host name is not known, or the network is down"],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_|certificate|UnknownIssuer|NotValidForName/i,
    "io",
    "the certificate of the server is not trusted; give its authority in NODE_EXTRA_CA_CERTS (DENO_CERT on Deno)",
  ],
  [/ERR_SSL|EPROTO|tls|ssl|InvalidContentType/i, "io", "the server does not speak TLS on that port"],
  [/ETIMEDOUT|CONNECT_TIMEOUT|timed out/i, "unavailable", "the connection timed out"],
  [/EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|unreachable/i, "unavailable", "the host cannot be reached"],
  [/bad port|blocked/i, "invalid", "the runtime refuses to connect to that port"],
  [
    /UND_ERR_SOCKET|ECONNRESET|EPIPE|ECONNABORTED|reset|closed|reading a body/i,
    "unavailable",
    "the connection broke",
  ],
]

/** All that an error and its causes say, for patterns to match. */
const wordsOf = (cause: unknown): string => {
  let words = ""
  for (let i = 0; i < 5 && cause instanceof Error; i++, cause = cause.cause) {
    const code = "code" in cause ? String(cause.code) : ""
    words += ` ${code} ${cause.message.replace(/\b[a-z]+:\/\/\S+/gi, "")}`
  }
  return words
}

/** The error for a request that got no whole answer. */
export const failureError = (subject: Subject, cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  if (cause instanceof RangeError) return problem(subject, "io", "it does not fit into memory")
  const words = wordsOf(cause)
  const [, reason, why] = known.find(([pattern]) => pattern.test(words)) ??
    [/./, "unavailable" as const, "the connection failed"]
  return problem(subject, reason, why)
}

/** An error with a reason of its own. */
export const problem = (subject: Subject, reason: StoreError["reason"], why: string): StoreError =>
  new StoreError({ reason, object: subject.name, message: `Cannot ${subject.doing} ${whatOf(subject)}: ${why}` })
