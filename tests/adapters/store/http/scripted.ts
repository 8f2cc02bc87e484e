/** A web server that answers as a test says, and records the requests. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, type Scope } from "effect"

/** A request that it got. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  /** Length of the body. */
  readonly received: number
}

/** A running server. */
export interface Scripted {
  readonly url: string
  readonly asked: ReadonlyArray<Asked>
  /** Changes how it answers from now on. */
  readonly answer: (how: Answer) => void
}

/** Answers a request, which has been read to its end. `nth` counts from 1 since the last change. */
export type Answer = (request: Asked, response: ServerResponse, nth: number) => void

/** Starts a server on a free port. At first it answers 404. */
export const scripted: Effect.Effect<Scripted, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const asked: Array<Asked> = []
    let count = 0
    let answer: Answer = (_, response) => response.writeHead(404).end()
    const server = createServer((request, response) => {
      let received = 0
      request.on("data", (part: Uint8Array) => received += part.length)
      request.on("error", () => {})
      response.on("error", () => {})
      request.on("end", () => {
        const one = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, received }
        asked.push(one)
        answer(one, response, ++count)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const set = (how: Answer): void => {
      answer = how
      count = 0
    }
    return { server, url: `http://127.0.0.1:${port}`, asked, answer: set }
  }),
  ({ server }) =>
    Effect.promise(() =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    ),
)

/** Answers a request for `content` as a good server does, with ranges. */
export const serve = (content: Uint8Array, request: Asked, response: ServerResponse): void => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "")
  if (match === null) {
    response.writeHead(200, { "content-length": content.length })
    response.end(request.method === "HEAD" ? undefined : content)
    return
  }
  const from = match[1] === "" ? Math.max(0, content.length - Number(match[2])) : Number(match[1])
  const to = match[1] === "" || match[2] === "" ? content.length - 1 : Math.min(Number(match[2]), content.length - 1)
  if (from > to) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end()
    return
  }
  response.writeHead(206, {
    "content-length": to - from + 1,
    "content-range": `bytes ${from}-${to}/${content.length}`,
  })
  response.end(content.subarray(from, to + 1))
}

/** Sends the headers and the first bytes, then breaks the connection. */
export const cut = (response: ServerResponse, length: number, bytes: Uint8Array): void => {
  response.writeHead(200, { "content-length": length })
  response.write(bytes, () => setTimeout(() => response.destroy(), 10))
}
