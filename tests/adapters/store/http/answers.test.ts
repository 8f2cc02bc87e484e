/** Answers with a status, cut answers and wrong ranges, without and with `retry`. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { type Answer, cut, serve } from "./scripted.ts"
import { content, failure, openAt, patient, withServer } from "./store_at.ts"

const reasons: ReadonlyArray<readonly [status: number, reason: StoreError["reason"], message: RegExp]> = [
  [401, "denied", /password/],
  [403, "denied", /forbids/],
  [404, "not-found", /not in/],
  [410, "not-found", /not in/],
  [413, "io", /limit/],
  [418, "io", /418/],
  [429, "unavailable", /too many requests/],
  [500, "unavailable", /log/],
  [502, "unavailable", /proxy/],
  [503, "unavailable", /overloaded/],
  [504, "unavailable", /proxy/],
  [507, "full", /space/],
  [599, "unavailable", /599/],
]

test("each status has a reason and a sentence, and unavailable is tried again", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      for (const [status, reason, message] of reasons) {
        server.answer((_, response) => response.writeHead(status).end("<html>what a server says</html>"))
        const error = yield* failure(store.get("a/b", { atMost: Infinity }))
        assert.equal(error.reason, reason, String(status))
        assert.match(error.message, message)
        assert.match(error.message, /"a\/b"/)
        server.answer((request, response, nth) =>
          nth < 3 ? response.writeHead(status).end() : serve(content, request, response)
        )
        const again = yield* Effect.result(patient(store).get("a/b", { atMost: Infinity }))
        assert.equal(again._tag, reason === "unavailable" ? "Success" : "Failure", String(status))
      }
    })
  ))

test("Retry-After is passed on, in seconds and as a date", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const after = (value: string) =>
        Effect.suspend(() => {
          server.answer((_, response) => response.writeHead(503, { "retry-after": value }).end())
          return Effect.map(failure(store.get("x", { atMost: Infinity })), ({ retryAfter }) => retryAfter)
        })
      assert.equal(yield* after("7"), 7000)
      assert.equal(yield* after("0"), 0)
      const date = yield* after(new Date(Date.now() + 60_000).toUTCString())
      assert.ok(date !== undefined && date > 30_000 && date <= 60_000, String(date))
      assert.equal(yield* after(new Date(0).toUTCString()), 0)
      for (const none of ["soon", "-1", "1.5", "99999999999999"]) assert.equal(yield* after(none), undefined, none)
    })
  ))

const bad: ReadonlyArray<readonly [what: string, answer: Answer, reason: StoreError["reason"], range?: boolean]> = [
  ["no answer", (_, response) => response.destroy(), "unavailable"],
  ["cut before the body", (_, response) => cut(response, content.length, new Uint8Array(0)), "unavailable"],
  ["cut in the body", (_, response) => cut(response, content.length, content.subarray(0, 5000)), "unavailable"],
  ["stands still", (_, response) => {
    response.writeHead(200, { "content-length": content.length })
    response.write(content.subarray(0, 10))
  }, "unavailable"],
  ["no length", (_, response) => {
    response.writeHead(200)
    response.write(content.subarray(0, 10))
    response.end(content.subarray(10))
  }, "io"],
  ["compressed", (_, response) => {
    response.writeHead(200, { "content-length": 20, "content-encoding": "x-strange" }).end(new Uint8Array(20))
  }, "io"],
  [
    "another range",
    (_, response) => {
      response.writeHead(206, { "content-length": 10, "content-range": `bytes 0-9/${content.length}` })
      response.end(content.subarray(0, 10))
    },
    "io",
    true,
  ],
  [
    "a shorter range",
    (_, response) => {
      response.writeHead(206, { "content-length": 5, "content-range": `bytes 20-24/${content.length}` })
      response.end(content.subarray(20, 25))
    },
    "io",
    true,
  ],
  [
    "a range of another length",
    (_, response) => {
      response.writeHead(206, { "content-length": 11, "content-range": `bytes 20-29/${content.length}` })
      response.end(content.subarray(20, 31))
    },
    "io",
    true,
  ],
  [
    "a part that is not named",
    (_, response) => response.writeHead(206, { "content-length": 10 }).end(content.subarray(20, 30)),
    "io",
    true,
  ],
  ["an unasked part", (_, response) => {
    response.writeHead(206, { "content-length": 10, "content-range": `bytes 0-9/${content.length}` })
    response.end(content.subarray(0, 10))
  }, "io"],
  [
    "a cut range",
    (_, response) => {
      response.writeHead(206, { "content-length": 10, "content-range": `bytes 20-29/${content.length}` })
      response.write(content.subarray(20, 23), () => setTimeout(() => response.destroy(), 10))
    },
    "unavailable",
    true,
  ],
  ["too short for the range", (request, response) => serve(content.subarray(0, 25), request, response), "io", true],
  ["shorter than the range", (request, response) => serve(content.subarray(0, 20), request, response), "corrupt", true],
]

for (const [what, answer, reason, range] of bad) {
  test(`an answer that does not match the request is refused: ${what}`, () =>
    withServer((server) =>
      Effect.gen(function* () {
        const store = yield* openAt(server, what === "stands still" ? 500 : undefined)
        const read = (from: ObjectStore) => from.get("x", range ? { offset: 20, length: 10 } : { atMost: Infinity })
        server.answer(answer)
        const error = yield* failure(read(store))
        // For a range that ends beyond the object, servers send the bytes that exist.
        assert.equal(error.reason, what === "too short for the range" ? "corrupt" : reason, error.message)
        server.answer((request, response, nth) =>
          nth < 2 ? answer(request, response, nth) : serve(content, request, response)
        )
        const again = yield* Effect.result(read(patient(store)))
        if (reason === "unavailable") {
          assert.ok(again._tag === "Success")
          assert.deepEqual(again.success, range ? content.slice(20, 30) : content)
        } else {
          assert.equal(again._tag, "Failure")
        }
      })
    ))
}

test("a range is cut out of the whole object if the server ignores ranges", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      server.answer((request, response) => serve(content, { ...request, headers: {} }, response))
      const ranges = [[0, 1], [5, 70_000], [99_999, 1], [-1, 1], [-100_000, 100_000], [-50, 20]] as const
      for (const [offset, length] of ranges) {
        const from = offset < 0 ? content.length + offset : offset
        assert.deepEqual(yield* store.get("x", { offset, length }), content.slice(from, from + length))
      }
      assert.equal((yield* failure(store.get("x", { offset: 99_999, length: 2 }))).reason, "corrupt")
      assert.equal((yield* failure(store.get("x", { offset: -100_001, length: 2 }))).reason, "corrupt")
    })
  ))
