/** Answers that are errors, cut, short, wrong or late; buckets and regions. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { openStore } from "../../../../adapters/store/open/open.ts"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { freePort } from "../../../servers/process.ts"
import { failing, get, keepsSecrets, put, runScoped, shownBy, text } from "./failing.ts"
import { type Answer, empty, KEYS, listed, openScripted, refuse, reply, scripted, withVariables } from "./scripted.ts"

test("each refusal has the right reason and sentence", () =>
  runScoped(Effect.gen(function* () {
    const cases: ReadonlyArray<readonly [Answer, StoreError["reason"], RegExp, number?]> = [
      [refuse(404, "NoSuchKey"), "not-found", /^"x" is not in s3:http:\/\/127\.0\.0\.1:\d+\/bucket\/p$/],
      [refuse(404, "NoSuchBucket"), "not-found", /there is no bucket "bucket"; check its name/],
      [refuse(403, "AccessDenied"), "denied", /access denied; give these credentials the right/],
      [refuse(403, "InvalidAccessKeyId"), "denied", /check AWS_ACCESS_KEY_ID/],
      [refuse(403, "SignatureDoesNotMatch"), "denied", /check AWS_SECRET_ACCESS_KEY/],
      [refuse(400, "ExpiredToken"), "denied", /the credentials have expired; get new ones/],
      [refuse(403, "RequestTimeTooSkewed"), "denied", /clocks of this machine .*; set the clock/],
      [refuse(412, "PreconditionFailed"), "exists", /"x" is already in/],
      [refuse(409, "ConditionalRequestConflict"), "unavailable", /another program writes it/],
      [refuse(503, "SlowDown", { "retry-after": "7" }), "unavailable", /busy/, 7000],
      [refuse(503, "ServiceUnavailable"), "unavailable", /busy/],
      [refuse(500, "InternalError"), "unavailable", /busy/],
      [refuse(400, "RequestTimeout"), "unavailable", /waited too long/],
      [refuse(400, "XAmzContentSHA256Mismatch"), "unavailable", /changed on the way/],
      [reply(429, "", { "retry-after": "2" }), "unavailable", /status 429/, 2000],
      [reply(502, "<html>bad gateway", { "content-type": "text/html" }), "unavailable", /status 502/],
      [reply(504), "unavailable", /status 504/],
      [reply(403), "denied", /access denied/],
      [reply(507), "full", /no space is left/],
      [refuse(403, "QuotaExceeded"), "full", /the quota is used up/],
      [refuse(400, "EntityTooLarge"), "invalid", /objects that large/],
      [refuse(501, "NotImplemented"), "io", /does not implement/],
      [reply(307, "", { location: "http://127.0.0.1:1/elsewhere" }), "invalid", /another address; check endpoint/],
      [
        refuse(301, "PermanentRedirect", { "x-amz-bucket-region": "eu-north-1" }),
        "invalid",
        /another region; add region=eu-north-1/,
      ],
      [reply(418, "<Error><Code>Tea\n</Code></Error>"), "io", /the server refuses \(status 418\)/],
      [reply(418, `<!DOCTYPE x [<!ENTITY a "b">]><Error><Code>&a;</Code></Error>`), "io", /\(status 418\)/],
    ]
    for (const [answer, reason, message, retryAfter] of cases) {
      for (const operation of [get, put]) {
        const error = yield* failing(answer, operation)
        assert.equal(error.reason, reason, error.message)
        assert.match(error.message, message)
        assert.equal(error.retryAfter, retryAfter)
        assert.equal(error.object, "x")
      }
    }
    const date = new Date(Date.now() + 60_000).toUTCString()
    const later = yield* failing(reply(503, "", { "retry-after": date }), get)
    assert.ok(later.retryAfter! > 30_000 && later.retryAfter! <= 60_000, String(later.retryAfter))
  })))

const ranged = (store: ObjectStore) => store.get("x", { offset: 2, length: 5 })
const cut = (status: number, length: number, body: string, headers = {}): Answer => (response) => {
  response.writeHead(status, { "content-length": String(length), ...headers })
  response.write(body)
  setTimeout(() => response.destroy(), 20)
}

test("an answer with too few, too many or other bytes is never taken for the object", () =>
  runScoped(Effect.gen(function* () {
    const range = (value: string) => ({ "content-range": value })
    const cases: ReadonlyArray<readonly [Answer, (store: ObjectStore) => Effect.Effect<unknown, StoreError>, string]> =
      [
        [cut(200, 1000, "only this"), get, "unavailable"],
        [cut(200, 1000, ""), get, "unavailable"],
        [(response) => response.destroy(), get, "unavailable"],
        [cut(206, 5, "cd", range("bytes 2-6/10")), ranged, "unavailable"],
        [reply(206, "cdefg", range("bytes 3-7/10")), ranged, "io"],
        [reply(206, "cdefg"), ranged, "io"],
        [reply(206, "cdefg", range("bytes 2-6/*")), ranged, "io"],
        [reply(206, "cdef", range("bytes 2-6/10")), ranged, "io"],
        [reply(206, "cdef", range("bytes 2-5/10")), ranged, "io"],
        [reply(206, "cdef", range("bytes 2-5/6")), ranged, "corrupt"],
        [reply(206, "cdefghij", range("bytes 2-6/10")), ranged, "io"],
        [reply(200, "abcdefghij"), ranged, "io"],
        [reply(200, "abcde"), ranged, "io"],
        [reply(206, "hello", range("bytes 0-4/10")), get, "io"],
        [(response) => response.writeHead(200).end("no length is said"), get, "io"],
        [reply(200, "\x1f\x8b", { "content-encoding": "gzip" }), get, "io"],
        [reply(206, "abcd", range("bytes 0-3/4")), (store) => store.get("x", { offset: -5, length: 5 }), "corrupt"],
        [reply(206, "cdefg", range("bytes 2-6/10")), (store) => store.get("x", { offset: -5, length: 5 }), "io"],
        [reply(200, "", { "content-length": "9".repeat(15) }), get, "io"],
      ]
    for (const [i, [answer, operation, reason]] of cases.entries()) {
      const error = yield* failing(answer, operation)
      // A runtime that notices contradicting headers breaks the connection off.
      const allowed = reason === "io" ? ["io", "unavailable"] : [reason]
      assert.ok(allowed.includes(error.reason), `${i}: ${error.reason}, not ${reason}: ${error.message}`)
    }
    const server = yield* scripted
    const store = yield* openScripted(server)
    server.answer(reply(206, "cdefg", range("bytes 2-6/10")))
    assert.deepEqual(yield* ranged(store), text("cdefg"))
    assert.equal(server.seen.at(-1)!.headers.range, "bytes=2-6")
    server.answer(reply(206, "fghij", range("bytes 5-9/10")))
    assert.deepEqual(yield* store.get("x", { offset: -5, length: 5 }), text("fghij"))
    assert.equal(server.seen.at(-1)!.headers.range, "bytes=-5")
  })))

test("answers that are not listings fail, and never look like an empty store", () =>
  runScoped(Effect.gen(function* () {
    const list = (store: ObjectStore) => Stream.runCollect(store.list("DATA/"))
    const object = (key: string, size = "1") => `<Contents><Key>${key}</Key><Size>${size}</Size></Contents>`
    const whole = (inside: string) => `<ListBucketResult>${inside}</ListBucketResult>`
    const bad = [
      "",
      "<html><body>It works!</body></html>",
      "<ListBucketResult/>",
      whole("<IsTruncated>maybe</IsTruncated>"),
      whole("<IsTruncated>true</IsTruncated>"),
      whole("<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>"),
      whole(`<IsTruncated>false</IsTruncated>${object("p/DATA/x", "many")}`),
      whole(`<IsTruncated>false</IsTruncated>${object("q/DATA/x")}`),
      whole(`<IsTruncated>false</IsTruncated><Contents><Key>p/DATA/x</Key></Contents>`),
      whole(`<IsTruncated>false</IsTruncated>${object("p/DATA/&nbsp;")}`),
      whole(`<IsTruncated>false</IsTruncated>`).slice(0, -3),
      `${whole("<IsTruncated>false</IsTruncated>")}<more/>`,
      `<!DOCTYPE x>${whole("<IsTruncated>false</IsTruncated>")}`,
      "<a>".repeat(100_000),
      "\xff\xfe",
    ]
    for (const body of bad) {
      const error = yield* failing(reply(200, body), list)
      assert.equal(error.reason, "io", `${body.slice(0, 100)}: ${error.message}`)
    }
    assert.equal((yield* failing(refuse(404, "NoSuchBucket"), list)).reason, "not-found")
    assert.equal((yield* failing(cut(200, 5000, "<ListBucketResult>"), list)).reason, "unavailable")
    const again = whole(`<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`)
    assert.equal((yield* failing(reply(200, again), list)).reason, "io", "a listing that goes round in circles")

    const server = yield* scripted
    const store = yield* openScripted(server)
    const page = (next: string, objects: string): Answer =>
      reply(
        200,
        whole(`<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>${objects}`),
      )
    server.answer(
      page("a&amp;b", object("p/DATA/a", "7")),
      page("second", object("p/DATA/aa", "9")),
      listed(object("p/DATA/b&#x2d;c", "8")),
    )
    assert.deepEqual(yield* list(store), [
      { name: "DATA/a", size: 7 },
      { name: "DATA/aa", size: 9 },
      { name: "DATA/b-c", size: 8 },
    ])
    assert.match(server.seen.at(-2)!.url, /continuation-token=a%26b/)
    assert.match(server.seen.at(-1)!.url, /continuation-token=second/)
  })))

test("silence ends as unavailable", () =>
  runScoped(Effect.gen(function* () {
    const never: Answer = () => {}
    const stalls: Answer = (response) => {
      response.writeHead(200, { "content-length": "1000" })
      response.write("some bytes")
    }
    for (const answer of [never, stalls]) {
      for (const operation of [get, put]) {
        const error = yield* failing(answer, operation, 150)
        assert.equal(error.reason, "unavailable")
        assert.match(error.message, /did not answer in time/)
      }
    }
    const server = yield* scripted
    const store = yield* openScripted(server, { silence: 5000 })
    const slowly: Answer = (response) => {
      response.writeHead(200, { "content-length": "6" })
      const letters = [..."slowly"]
      const timer = setInterval(() => {
        response.write(letters.shift())
        if (letters.length > 0) return
        clearInterval(timer)
        response.end()
      }, 30)
    }
    server.answer(slowly)
    assert.deepEqual(yield* store.get("x", { atMost: Infinity }), text("slowly"))
  })))

test("with retry, temporary errors end in success and permanent ones in one sentence", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const inner = yield* openScripted(server)
    const store = retry(inner, { base: 1, longest: 5, within: 20_000 })
    server.answer(
      refuse(503, "SlowDown"),
      refuse(500, "InternalError"),
      cut(200, 5, "he"),
      reply(429),
      reply(200, "hello"),
    )
    assert.deepEqual(yield* store.get("x", { atMost: Infinity }), text("hello"))
    server.answer(refuse(503, "SlowDown"), (response) => response.destroy(), reply(200))
    yield* store.put("x", [text("hello")], { unique: true })
    assert.equal(server.seen.at(-1)!.body, "hello")
    server.answer(refuse(403, "SignatureDoesNotMatch"))
    const before = server.seen.length
    const error = yield* Effect.flip(store.get("x", { atMost: Infinity }))
    assert.equal(error.reason, "denied")
    assert.equal(server.seen.length, before + 1)
    const short = retry(inner, { base: 5, longest: 20, within: 500 })
    server.answer(refuse(503, "SlowDown"))
    const gone = yield* Effect.flip(short.get("x", { atMost: Infinity }))
    assert.equal(gone.reason, "unavailable")
    assert.match(gone.message, /^Cannot read "x" in .*gave up after/)
    keepsSecrets(server, shownBy(gone))
  })))

test("a bucket is made only with create, and by one of several programs", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const none = refuse(404, "NoSuchBucket")
    const requests = () => server.seen.splice(0).map(({ method }) => method)
    server.answer(none)
    assert.equal((yield* Effect.flip(openScripted(server))).reason, "not-found")
    assert.deepEqual(requests(), ["GET"])
    server.answer(none, reply(200))
    yield* openScripted(server, { create: true })
    assert.deepEqual(requests(), ["GET", "PUT"])
    server.answer(none, refuse(409, "BucketAlreadyOwnedByYou"), empty)
    yield* openScripted(server, { create: true })
    assert.deepEqual(requests(), ["GET", "PUT", "GET"])
    server.answer(none, refuse(409, "BucketAlreadyExists"), refuse(403, "AccessDenied"))
    const taken = yield* Effect.flip(openScripted(server, { create: true }))
    assert.equal(taken.reason, "denied")
    assert.match(taken.message, /the bucket of that name belongs to another account/)
    server.answer(refuse(403, "AccessDenied"))
    assert.equal((yield* Effect.flip(openScripted(server, { create: true }))).reason, "denied")
  })))

test("the request is sent again to the region that the server names", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    yield* withVariables(KEYS)
    server.answer(refuse(400, "AuthorizationHeaderMalformed", {}, "<Region>eu-central-9</Region>"), empty)
    const store = yield* openStore(`s3:http://127.0.0.1:${server.port}/bucket`)
    assert.match(String(server.seen.at(-1)!.headers.authorization), /\/eu-central-9\/s3\//)
    server.answer(refuse(400, "AuthorizationHeaderMalformed", {}, "<Region>evil.example/x</Region>"))
    assert.equal((yield* Effect.flip(store.get("x", { atMost: Infinity }))).reason, "invalid")
    assert.equal(server.seen.length, 3)
  })))

test("a missing server, and one without TLS, are reported", () =>
  runScoped(Effect.gen(function* () {
    yield* withVariables(KEYS)
    const { s3Store } = yield* Effect.promise(() => import("../../../../adapters/store/s3/s3.ts"))
    const free = yield* Effect.promise(() => freePort())
    const refused = yield* Effect.flip(s3Store.make(`s3:http://127.0.0.1:${free}/bucket`))
    assert.equal(refused.reason, "unavailable", refused.message)
    assert.match(refused.message, /the connection is refused; check the address/)
    const server = yield* scripted
    const plain = yield* Effect.flip(s3Store.make(`s3:https://127.0.0.1:${server.port}/bucket`))
    assert.ok(["io", "unavailable"].includes(plain.reason), plain.message)
    assert.match(plain.message, /^Cannot open s3:https:\/\/127\.0\.0\.1:\d+\/bucket: /)
  })))
