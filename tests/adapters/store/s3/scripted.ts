/** An S3 server that answers as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import process from "node:process"
import { Effect, type Scope } from "effect"
import { s3Store, type S3StoreOptions } from "../../../../adapters/store/s3/s3.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"

/** A request that it got. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** Answers a request. */
export type Answer = (response: ServerResponse, seen: Seen) => void

/** A running server. */
export interface Scripted {
  readonly port: number
  /** All requests so far. */
  readonly seen: Array<Seen>
  /** Sets the answers of the next requests, one each. Later requests get the last one. */
  readonly answer: (...answers: ReadonlyArray<Answer>) => void
}

/** Variables that hide the settings of the machine from tests. */
const NONE = Object.fromEntries(
  ["PROFILE", "REGION", "DEFAULT_REGION", "ENDPOINT_URL", "ENDPOINT_URL_S3"].map((name) => [`AWS_${name}`, undefined]),
)

export const KEYS = {
  AWS_ACCESS_KEY_ID: "AKIDSCRIPTED",
  AWS_SECRET_ACCESS_KEY: "the+secret/key+that/nobody+may+see",
  AWS_SESSION_TOKEN: "the//session+token==that/nobody+may/see",
}

/** Sets variables of the environment until the scope closes. `undefined` removes one. */
export const withVariables = (
  variables: Readonly<Record<string, string | undefined>>,
): Effect.Effect<void, never, Scope.Scope> => {
  const set = (values: Readonly<Record<string, string | undefined>>) => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
  return Effect.acquireRelease(
    Effect.sync(() => {
      const all = { ...NONE, AWS_CONFIG_FILE: "/nowhere/config", ...variables }
      const before = Object.fromEntries(Object.keys(all).map((name) => [name, process.env[name]]))
      set(all)
      return before
    }),
    (before) => Effect.sync(() => set(before)),
  )
}

const listing = (inside = ""): string =>
  `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>${inside}</ListBucketResult>`

/** An answer with a status, a body and headers. */
export const reply =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}): Answer => (response) => {
    response.writeHead(status, { "content-length": String(Buffer.byteLength(body)), ...headers })
    response.end(body)
  }

/** An error as S3 words it. */
export const refuse = (
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
  inside = "",
): Answer =>
(response, seen) =>
  reply(
    status,
    seen.method === "HEAD" ? "" : `<?xml version="1.0"?>\n<Error><Code>${code}</Code>` +
      `<Message>said ${seen.headers.authorization} ${KEYS.AWS_SESSION_TOKEN}</Message>${inside}</Error>`,
    headers,
  )(response, seen)

export const empty: Answer = reply(200, listing())
export const listed = (inside: string): Answer => reply(200, listing(inside))

/** Starts a server, which ends with the scope. */
export const scripted: Effect.Effect<Scripted, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => {
      const seen: Array<Seen> = []
      let answers: Array<Answer> = [empty]
      const server = createServer((request, response) => {
        const parts: Array<Uint8Array> = []
        request.on("data", (part) => parts.push(part))
        request.on("error", () => {})
        response.on("error", () => {})
        request.on("end", () => {
          const one = {
            method: request.method!,
            url: request.url!,
            headers: request.headers,
            body: Buffer.concat(parts).toString("latin1"),
          }
          seen.push(one)
          const answer = answers.length > 1 ? answers.shift()! : answers[0]!
          answer(response, one)
        })
      })
      return new Promise<Scripted & { stop: () => Promise<void> }>((resolve) => {
        server.listen(0, "127.0.0.1", () =>
          resolve({
            port: (server.address() as AddressInfo).port,
            seen,
            answer: (...next) => void (answers = [...next]),
            stop: () =>
              new Promise((done) => {
                server.close(() => done())
                server.closeAllConnections()
              }),
          }))
      })
    }),
    (server) => Effect.promise(() => server.stop()),
  ),
  ({ answer, port, seen }) => ({ answer, port, seen }),
)

/** Opens a store on a server, with the keys above in the environment. */
export const openScripted = (
  server: Scripted,
  options?: S3StoreOptions,
): Effect.Effect<ObjectStore, StoreError, Scope.Scope> =>
  Effect.andThen(withVariables(KEYS), s3Store.make(`s3:http://127.0.0.1:${server.port}/bucket/p`, options))
