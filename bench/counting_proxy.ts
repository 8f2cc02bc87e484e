/** A proxy between programs and an HTTP server, which counts the traffic and delays requests. */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http"

/** Requests and bytes. */
export interface Traffic {
  readonly requests: number
  /** Requests by kind: the HTTP method, and `LIST` for a `GET` that lists. */
  readonly kinds: Readonly<Record<string, number>>
  /** Bytes of bodies, to the server. */
  readonly sent: number
  /** Bytes of bodies, from the server. */
  readonly received: number
}

/** The traffic between two moments. */
export const between = (before: Traffic, after: Traffic): Traffic => ({
  requests: after.requests - before.requests,
  kinds: Object.fromEntries(
    Object.entries(after.kinds).map(([kind, count]) => [kind, count - (before.kinds[kind] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  ),
  sent: after.sent - before.sent,
  received: after.received - before.received,
})

export interface CountingProxy {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string
  /** The traffic so far. */
  readonly traffic: () => Traffic
  readonly close: () => Promise<void>
}

/** The kind of a request. S3 lists with a query on the bucket. */
const kindOf = ({ method = "", url = "" }: IncomingMessage): string =>
  method === "GET" && /[?&](list-type|prefix|delimiter)=/.test(url) ? "LIST" : method

/**
 * Starts a proxy in front of `http://host:port`. Each request waits for `delay` milliseconds; bandwidth is not limited.
 * Requests are passed on unchanged, with the `Host` that the program signed. If the server is down, the connection is
 * cut.
 */
export const countingProxy = (endpoint: string, delay = 0): Promise<CountingProxy> => {
  const { hostname, port } = new URL(endpoint)
  const agent = new Agent({ keepAlive: true })
  const kinds: Record<string, number> = {}
  let [requests, sent, received] = [0, 0, 0]

  const pass = (from: IncomingMessage, to: ServerResponse): void => {
    const upstream = request(
      { agent, hostname, port, method: from.method, path: from.url, headers: from.headers },
      (answer) => {
        answer.on("data", (part: Uint8Array) => received += part.length)
        to.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(to)
      },
    )
    upstream.on("error", () => to.destroy())
    to.on("close", () => upstream.destroy())
    from.on("data", (part: Uint8Array) => sent += part.length)
    from.pipe(upstream)
  }
  const server = createServer((from, to) => {
    const kind = kindOf(from)
    kinds[kind] = (kinds[kind] ?? 0) + 1
    requests++
    if (delay > 0) setTimeout(pass, delay, from, to)
    else pass(from, to)
  })
  server.keepAliveTimeout = 60_000
  server.on("connection", (socket) => socket.setNoDelay(true))
  return new Promise((resolve, reject) => {
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () =>
      resolve({
        endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
        traffic: () => ({ requests, kinds: { ...kinds }, sent, received }),
        close: () =>
          new Promise((done) => {
            agent.destroy()
            server.close(() => done())
            server.closeAllConnections()
          }),
      }))
  })
}
