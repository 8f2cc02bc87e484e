/** A writer that waits for the claim of another, on a server whose claims the test makes and frees. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { withClaim } from "../../../../adapters/store/webdav/claim.ts"
import { collectionsOf } from "../../../../adapters/store/webdav/collections.ts"
import { multistatus, withServer } from "../http/store_at.ts"

const STALE_MS = 60_000
const NOW = Date.UTC(2024, 0, 2)

/** A collection that was made so many milliseconds before {@link NOW}. */
const madeBefore = (href: string, age: number): string =>
  multistatus(
    `<d:response><d:href>${href}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype>` +
      `<d:getlastmodified>${new Date(NOW - age).toUTCString()}</d:getlastmodified></d:prop>` +
      `<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`,
  )

test("a writer takes the first claim that goes free, and does not wait for its successor", () =>
  withServer((server) =>
    Effect.gen(function* () {
      /** Ages of the claims that are taken, by generation. */
      const taken = new Map([[0, 2 * STALE_MS], [1, 0]])
      const made: Array<number> = []
      server.answer(({ method, path }, response, nth) => {
        const claim = /claims\/[0-9a-f]+\.(\d+)\/$/.exec(path)
        // A writer that never finds the free claim shall fail, not wait for ever.
        if (nth > 30) return void response.writeHead(400).end()
        if (claim === null) return void response.writeHead(method === "MKCOL" ? 405 : 404).end()
        const generation = Number(claim[1])
        const age = taken.get(generation)
        if (method === "MKCOL") {
          if (age === undefined) made.push(generation)
          response.writeHead(age === undefined ? 201 : 405).end()
        } else if (method === "PROPFIND" && age !== undefined) {
          response.writeHead(207, { date: new Date(NOW).toUTCString() }).end(madeBefore(path, age))
          // The owner of the first claim was slow, not dead: it frees its claim while another has the second.
          if (generation === 1) taken.delete(0)
        } else {
          response.writeHead(method === "DELETE" ? 204 : 404).end()
        }
      })
      const root = new URL(`${server.url}/repo/`)
      const http = { location: root.href }
      let worked = 0
      yield* withClaim(http, root, collectionsOf(http, root), new URL("object", root), "object", {
        work: Effect.sync(() => {
          worked++
        }),
        settle: Effect.void,
      }, { stale: STALE_MS })
      assert.deepEqual({ made, worked }, { made: [0], worked: 1 })
    })
  ))
