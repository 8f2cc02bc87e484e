/** Uploads in parts, signed requests, conditions and claims. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { openStore } from "../../../../adapters/store/open/open.ts"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import type { S3Client } from "../../../../adapters/store/s3/client.ts"
import { parseS3Location } from "../../../../adapters/store/s3/location.ts"
import { makeWrites } from "../../../../adapters/store/s3/write_object.ts"
import { runScoped, text } from "./failing.ts"
import { type Answer, KEYS, listed, openScripted, refuse, reply, scripted, withVariables } from "./scripted.ts"

test("an upload in parts continues after faults, and a lost answer does no harm", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const store = retry(yield* openScripted(server), { base: 1, longest: 5, within: 20_000 })
    let mark = ""
    let parts = 0
    let completes = 0
    const answer: Answer = (response, seen) => {
      const { headers, method, url } = seen
      const with_ = (one: Answer) => one(response, seen)
      if (method === "POST" && url.endsWith("?uploads=")) {
        mark = String(headers["x-amz-meta-penstock-write"])
        return with_(
          reply(200, "<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId></InitiateMultipartUploadResult>"),
        )
      }
      if (method === "PUT") {
        return with_(parts++ % 2 === 0 ? refuse(503, "SlowDown") : reply(200, "", { etag: `"e${parts}"` }))
      }
      if (method === "POST") {
        completes++
        if (completes === 1) return with_(reply(200, "<Error><Code>InternalError</Code></Error>"))
        return completes === 2 ? response.destroy() : with_(refuse(404, "NoSuchUpload"))
      }
      if (method === "HEAD") return with_(reply(200, "", { "x-amz-meta-penstock-write": mark }))
      return with_(refuse(500, "InternalError"))
    }
    server.answer(answer)
    yield* Effect.scoped(Effect.gen(function* () {
      const writer = yield* store.create("x", { unique: true })
      yield* writer.append(new Uint8Array(17 << 20))
      yield* writer.commit
    }))
    assert.equal(completes, 3)
    assert.equal(parts, 4)
    assert.ok(server.seen.every(({ method }) => method !== "DELETE"), "the upload was taken back")
    assert.match(server.seen.find(({ method }) => method === "PUT")!.url, /uploadId=u%261/)
    const complete = server.seen.findLast(({ method, url }) => method === "POST" && url.includes("uploadId"))!
    assert.match(
      complete.body,
      /<Part><PartNumber>1<\/PartNumber><ETag>&quot;e\d&quot;<\/ETag><\/Part><Part><PartNumber>2</,
    )
    mark = ""
    completes = 2
    const lost = yield* Effect.flip(Effect.scoped(Effect.gen(function* () {
      const writer = yield* store.create("y", { unique: true })
      yield* writer.append(new Uint8Array(17 << 20))
      yield* writer.commit
    })))
    assert.equal(lost.reason, "io")
    assert.match(lost.message, /the upload is gone/)
    assert.ok(server.seen.some(({ method }) => method === "DELETE"), "the upload was not taken back")
  })))

test("requests are signed, have a length and a hash, and a condition only if it is needed", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    yield* withVariables(KEYS)
    const location =
      `s3:http://127.0.0.1:${server.port}/bucket/p?region=eu-x-1&storage-class=STANDARD_IA&sse=aws:kms&sse-kms-key-id=k1`
    const store = yield* openStore(location)
    server.answer(reply(200))
    yield* store.put("DATA/x", [text("hel"), text("lo")], { unique: true, contentType: "text/x" })
    const { headers, method, url } = server.seen.at(-1)!
    assert.deepEqual([method, url], ["PUT", "/bucket/p/DATA/x"])
    assert.equal(headers["content-length"], "5")
    assert.equal(headers["content-type"], "text/x")
    assert.equal(headers["x-amz-content-sha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    assert.equal(headers["x-amz-storage-class"], "STANDARD_IA")
    assert.equal(headers["x-amz-server-side-encryption"], "aws:kms")
    assert.equal(headers["x-amz-server-side-encryption-aws-kms-key-id"], "k1")
    assert.equal(headers["x-amz-security-token"], KEYS.AWS_SESSION_TOKEN)
    assert.match(String(headers.authorization), /Credential=AKIDSCRIPTED\/\d{8}\/eu-x-1\/s3\/aws4_request/)
    assert.equal(headers["if-none-match"], undefined)
    const large = new Uint8Array(3_000_000).fill(1)
    yield* store.put("DATA/y", [large], { replace: true })
    assert.equal(server.seen.at(-1)!.headers["content-length"], "3000000")
    assert.equal(server.seen.at(-1)!.headers["transfer-encoding"], undefined)
    assert.equal(server.seen.at(-1)!.body.length, 3_000_000)
  })))

test("a server is tested for conditions once, and only if it matters", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const store = yield* openScripted(server)
    const puts = () => server.seen.filter(({ method }) => method === "PUT").map(({ url }) => url)
    server.answer(reply(200))
    yield* store.put("a", [text("1")], { unique: true })
    yield* store.put("a", [text("1")], { replace: true })
    assert.deepEqual(puts(), ["/bucket/p/a", "/bucket/p/a"])
    server.answer(reply(200), refuse(412, "PreconditionFailed"), reply(200))
    yield* store.put("b", [text("1")])
    yield* store.put("c", [text("1")])
    const probe = "/bucket/p/tmp/create-only"
    assert.deepEqual(puts().slice(2), [probe, probe, "/bucket/p/b", "/bucket/p/c"])
    assert.equal(server.seen.at(-1)!.headers["if-none-match"], "*")
    server.answer(refuse(412, "PreconditionFailed"))
    assert.equal((yield* Effect.flip(store.put("c", [text("1")]))).reason, "exists")
  })))

test("a create-only put whose answer was lost recognises its own object", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const inner = yield* openScripted(server)
    const stores = [inner, retry(inner, { base: 1, longest: 5, within: 20_000 })]
    for (const [i, store] of stores.entries()) {
      server.answer((response, seen) =>
        (seen.method === "HEAD" ? reply(404) : refuse(412, "PreconditionFailed"))(response, seen)
      )
      assert.equal((yield* Effect.flip(store.put("probed", [text("1")]))).reason, "exists")
      let kept: { readonly mark: string; readonly body: string } | undefined
      server.answer((response, seen) => {
        const { body, headers, method } = seen
        if (method === "PUT") {
          if (kept !== undefined) return refuse(412, "PreconditionFailed")(response, seen)
          kept = { mark: String(headers["x-amz-meta-penstock-write"]), body }
          return response.destroy()
        }
        const mark = { "x-amz-meta-penstock-write": kept!.mark, "content-length": String(kept!.body.length) }
        return reply(200, method === "HEAD" ? "" : kept!.body, mark)(response, seen)
      })
      // Some runtimes repeat the request by themselves.
      const outcome = yield* Effect.match(store.put(`x${i}`, [text("mine")]), {
        onSuccess: () => "written",
        onFailure: ({ reason }) => reason,
      })
      assert.ok(outcome === "written" || (i === 0 && outcome === "unavailable"), outcome)
      assert.equal((yield* Effect.flip(store.put(`x${i}`, [text("other")]))).reason, "exists")
    }
  })))

test("without conditions claims decide, and expired ones do not count", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const store = yield* openScripted(server)
    const claims = new Map([["p/tmp/claims/x/000000000001-dead", new Date(Date.now() - 16 * 60_000).toISOString()]])
    const log: Array<string> = []
    server.answer((response, seen) => {
      const { headers, method } = seen
      const url = new URL(seen.url, "http://x")
      const key = decodeURIComponent(url.pathname.replace("/bucket/", ""))
      const with_ = (one: Answer) => one(response, seen)
      if (headers["if-none-match"] !== undefined) return with_(refuse(501, "NotImplemented"))
      if (url.searchParams.has("list-type")) {
        return with_(listed(
          [...claims].map(([key, written]) =>
            `<Contents><Key>${key}</Key><Size>0</Size><LastModified>${written}</LastModified></Contents>`
          ).sort().join(""),
        ))
      }
      log.push(`${method} ${key.replace(/[^/]*$/, (last) => last.length > 20 ? "*" : last)}`)
      if (method === "HEAD") return with_(reply(404))
      if (method === "PUT" && key.includes("claims")) claims.set(key, new Date().toISOString())
      if (method === "DELETE") claims.delete(key)
      return with_(reply(method === "DELETE" ? 204 : 200))
    })
    yield* store.put("x", [text("1")])
    assert.deepEqual(log, [
      "HEAD p/x",
      "PUT p/tmp/claims/x/*",
      "HEAD p/x",
      "PUT p/x",
      "DELETE p/tmp/claims/x/000000000001-dead",
      "DELETE p/tmp/claims/x/*",
    ])
    assert.equal(claims.size, 0)
    // A write whose answer is lost keeps its claim, so that no other writer begins. The next try continues with it.
    let there = false
    const before = server.seen.length
    server.answer((response, seen) => {
      const { headers, method } = seen
      const key = decodeURIComponent(new URL(seen.url, "http://x").pathname.replace("/bucket/", ""))
      const with_ = (one: Answer) => one(response, seen)
      if (seen.url.includes("list-type")) {
        return with_(
          listed([...claims.keys()].map((key) => `<Contents><Key>${key}</Key><Size>0</Size></Contents>`).join("")),
        )
      }
      assert.equal(headers["if-none-match"], undefined)
      if (method === "PUT" && key.includes("claims")) claims.set(key, "")
      if (method === "DELETE") claims.delete(key)
      if (method === "HEAD") return with_(there ? reply(200) : reply(404))
      return key === "p/y" ? response.destroy() : with_(reply(200))
    })
    for (let tries = 0; tries < 2; tries++) {
      assert.equal((yield* Effect.flip(store.put("y", [text("1")]))).reason, "unavailable")
      assert.equal(claims.size, 1)
    }
    there = true
    const puts = server.seen.slice(before).filter(({ method, url }) => method === "PUT" && url.includes("claims"))
    assert.equal(puts.length, 1)
    assert.equal((yield* Effect.flip(store.put("y", [text("1")]))).reason, "exists")
    assert.equal(claims.size, 0)
  })))

test("on AWS every new object is written under a condition, which a policy can demand; replacing one is not", () =>
  runScoped(Effect.gen(function* () {
    const sent = async (location: string) => {
      const conditions: Array<string | undefined> = []
      const client: S3Client = {
        location: parseS3Location(location),
        send: ({ headers = {} }) =>
          Effect.sync(() => {
            conditions.push(headers["if-none-match"])
            return { status: 200, headers: new Headers(), body: new Uint8Array(0) }
          }),
      }
      const { put } = makeWrites(client, undefined)
      for (const options of [{ unique: true }, { replace: true }]) {
        await Effect.runPromise(put("x", [text("hello")], options))
      }
      return conditions
    }
    assert.deepEqual(yield* Effect.promise(() => sent("s3://bucket/p")), ["*", undefined])
    // Elsewhere a condition may be ignored, and a name that is random needs none.
    assert.deepEqual(yield* Effect.promise(() => sent("s3:https://host.example/bucket")), [undefined, undefined])
  })))
