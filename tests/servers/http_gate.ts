/**
 * A proxy before an HTTP server on loopback, which lets a test act before a request reaches the server. It changes no
 * bytes.
 */
import { connect, createServer, type Socket } from "node:net"

/** A running gate. */
export interface HttpGate {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string
  readonly close: () => Promise<void>
}

const startOf = (part: Buffer): string => part.subarray(0, 2048).toString("latin1")

/** What a test does with a request. `answered` is the number of answers so far. */
export type Before = (method: string, url: string, answered: () => number) => Promise<void>

/**
 * Opens a gate. Each connection of a client has one to the server, and ends with it. A client must wait for an answer
 * before it sends the next request, as all do.
 */
export const httpGate = (endpoint: string, before: Before): Promise<HttpGate> => {
  const { hostname, port } = new URL(endpoint)
  const sockets = new Set<Socket>()
  let answers = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(one)
      one.on("error", () => other.destroy())
      one.on("close", () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    let turn = Promise.resolve()
    client.on("data", (part) => {
      const [, method, url] = /^(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP\/1\.1\r\n/.exec(startOf(part)) ?? []
      turn = turn
        .then(() => method === undefined ? undefined : before(method, url!, () => answers))
        .then(() => void (upstream.destroyed || upstream.write(part)))
    })
    upstream.on("data", (part) => {
      if (/^HTTP\/1\.1 2/.test(startOf(part))) answers++
      client.write(part)
    })
  })
  return new Promise((resolve, reject) => {
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () =>
      resolve({
        endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
        close: () =>
          new Promise((done) => {
            server.close(() => done())
            for (const socket of sockets) socket.destroy()
          }),
      }))
  })
}
