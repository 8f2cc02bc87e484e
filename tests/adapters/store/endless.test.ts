/** Servers whose answers and listings do not end: a store reads little of them, and says what is wrong. */
import assert from "node:assert/strict"
import type { ServerResponse } from "node:http"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { httpStore } from "../../../adapters/store/http/http.ts"
import { linksOf } from "../../../adapters/store/http/html.ts"
import { type Directory, walkDirectories } from "../../../adapters/store/http/directories.ts"
import { listingBound } from "../../../stages/store/listing_bound.ts"
import { retry } from "../../../adapters/store/retry/retry.ts"
import { parseXml, XmlError } from "../../../adapters/store/http/xml.ts"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { scripted as scriptedHttp } from "./http/scripted.ts"
import { openScripted, scripted as scriptedS3 } from "./s3/scripted.ts"
import { cpuMs } from "../../cpu.ts"

const MIB = 1 << 20
/** Bytes that a server may have sent beyond the wanted ones: they wait in the buffers of both sides. */
const BUFFERED = 16 * MIB

/** The bytes that an endless answer has sent so far. */
interface Sent {
  bytes: number
}

/** Sends a head, then bytes as long as the client takes them: zeros, or a text again and again. */
const endless = (
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  sent: Sent,
  text = "\0",
): void => {
  const piece = Buffer.alloc(64 << 10, text)
  response.writeHead(status, headers)
  let ended = false
  response.on("close", () => ended = true)
  response.on("error", () => ended = true)
  const more = (): void => {
    if (ended || sent.bytes > 400 * MIB) return
    sent.bytes += piece.length
    response.write(piece, (error) => error ? undefined : setImmediate(more))
  }
  more()
}

/** The stores, and how their servers answer. */
interface Kind {
  readonly open: Effect.Effect<
    {
      readonly store: ObjectStore
      readonly answer: (how: (response: ServerResponse) => void) => void
    },
    StoreError,
    Scope.Scope
  >
}
const kinds: Readonly<Record<string, Kind>> = {
  http: {
    open: Effect.gen(function* () {
      const server = yield* scriptedHttp
      const store = yield* httpStore.make(`${server.url}/repo`)
      return { store, answer: (how) => server.answer((_, response) => how(response)) }
    }),
  },
  s3: {
    open: Effect.gen(function* () {
      const server = yield* scriptedS3
      const store = yield* openScripted(server)
      return { store, answer: (how) => server.answer((response) => how(response)) }
    }),
  },
}

const runScoped = <A>(effect: Effect.Effect<A, StoreError, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

const SIZE = "1200000000"

for (const [name, { open }] of Object.entries(kinds)) {
  describe(`${name}: an answer that does not end`, () => {
    const answered = (
      status: number,
      headers: Readonly<Record<string, string>>,
      ask: (store: ObjectStore) => Effect.Effect<unknown, StoreError>,
      text?: string,
    ) =>
      runScoped(Effect.gen(function* () {
        const { answer, store } = yield* open
        const sent: Sent = { bytes: 0 }
        answer((response) => endless(response, status, headers, sent, text))
        const result = yield* Effect.result(ask(store))
        return { result, sent }
      }))

    it("a whole object beyond its limit is corrupt, and the error names it", async () => {
      const { result, sent } = await answered(
        200,
        { "content-length": SIZE },
        (store) => store.get("KEYS/x.json", { atMost: 64 << 10 }),
      )
      assert.ok(result._tag === "Failure")
      assert.equal(result.failure.reason, "corrupt")
      assert.match(
        result.failure.message,
        /"KEYS\/x\.json".* has 1200000000 bytes, and an object of its kind at most 65536/,
      )
      assert.ok(sent.bytes < BUFFERED, String(sent.bytes))
    })

    it("an object without a length is not read to its end", async () => {
      const { result, sent } = await answered(200, {}, (store) => store.get("x", { atMost: 64 << 10 }))
      assert.ok(result._tag === "Failure")
      assert.ok(sent.bytes < BUFFERED, String(sent.bytes))
    })

    it("no more of an object is read than its declared length", async () => {
      const { result, sent } = await answered(
        200,
        { "content-length": "10" },
        (store) => store.get("x", { atMost: 64 << 10 }),
      )
      if (result._tag === "Success") assert.deepEqual(result.success, new Uint8Array(10))
      assert.ok(sent.bytes < BUFFERED, String(sent.bytes))
    })

    it("no more is read than the range", async () => {
      const { sent } = await answered(
        206,
        { "content-range": `bytes 100-199/${SIZE}` },
        (store) => store.get("x", { offset: 100, length: 100 }),
      )
      assert.ok(sent.bytes < BUFFERED, String(sent.bytes))
    })

    it("little is read of the body of an error", async () => {
      const { result, sent } = await answered(403, {}, (store) => store.get("x", { atMost: 64 << 10 }))
      assert.ok(result._tag === "Failure")
      assert.ok(sent.bytes < BUFFERED, String(sent.bytes))
    })

    it("a listing of one endless page fails at a limit", async () => {
      const { result, sent } = await answered(200, {}, (store) => Stream.runDrain(store.list("DATA/")), "0 a\n")
      assert.ok(result._tag === "Failure")
      assert.ok(sent.bytes < 64 * MIB + BUFFERED, String(sent.bytes))
    })
  })
}

describe("a listing that does not end", () => {
  const page = (keys: ReadonlyArray<string>, token: string): string =>
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>${
      keys.map((key) => `<Contents><Key>p/${key}</Key><Size>1</Size></Contents>`).join("")
    }</ListBucketResult>`
  /** Lists a bucket by pages that all say that there is more; gives the error and the number of requests. */
  const listed = (pageOf: (n: number) => string) =>
    runScoped(Effect.gen(function* () {
      const server = yield* scriptedS3
      const store = retry(yield* openScripted(server), { base: 1 })
      let n = 0
      server.answer((response) => {
        const body = pageOf(n++)
        response.writeHead(200, { "content-length": String(body.length) }).end(body)
      })
      const error = yield* Effect.flip(Stream.runDrain(store.list(""))).pipe(Effect.catch(() => Effect.die("it ended")))
      return { error, asked: n }
    }))

  it("s3: repeated pages are noticed, even with a new token each", async () => {
    const { asked, error } = await listed((n) => page(["a", "b"], `token ${n % 2}`))
    assert.equal(error.reason, "io")
    assert.match(error.message, /^Cannot list s3:.*: the server's answer is not a listing$/)
    assert.equal(asked, 2)
  })

  it("s3: empty pages are followed only for a while", async () => {
    const { asked, error } = await listed((n) => page([], `token ${n}`))
    assert.match(error.message, /the server says 100 times that there is more, and gives nothing/)
    assert.ok(asked <= 102, String(asked))
  })

  const walked = (read: (directory: string) => Directory) =>
    Effect.runPromise(Effect.flip(
      Stream.runDrain(
        walkDirectories("", "https://example.org/", (directory) => Effect.succeed(read(directory)), {
          directories: 1000,
          objects: 5000,
        }),
      ),
    ))

  it("nested directories and objects are limited, far above the size of any repository", async () => {
    const directories = await walked((at) => ({ objects: [], directories: [`${at}a/`, `${at}b/`] }))
    assert.match(directories.message, /^Cannot list https:\/\/example\.org\/: .* does not end after 1000 directories$/)
    const objects = await walked((at) => ({
      objects: Array.from({ length: 1000 }, (_, i) => ({ name: `${at}${i}`, size: 1 })),
      directories: [`${at}a/`],
    }))
    assert.match(objects.message, /does not end after 5000 objects$/)
    // A large repository: 65,536 directories each for extents, blobs and catalogs, with fifty million objects.
    const count = listingBound("", "")
    for (let i = 0; i < 3 * 65_536; i++) count({ objects: 250, directories: 1 })
    assert.throws(() => count({ objects: 1 << 20, directories: 0 }), StoreError)
  })
})

describe("documents that could take much time or memory", () => {
  const fast = (what: () => void): void => {
    const start = cpuMs()
    what()
    assert.ok(cpuMs() - start < 5000, `it took ${Math.round(cpuMs() - start)} ms`)
  }

  it("XML: elements, attributes and depth are limited", () => {
    const refused = (source: string): void => fast(() => assert.throws(() => parseXml(source), XmlError))
    refused(`<a>${"<b/>".repeat(60_000)}</a>`)
    refused("<a>".repeat(100_000))
    refused(`<a ${Array.from({ length: 100_000 }, (_, i) => `xmlns:n${i}="x"`).join(" ")}/>`)
    refused(`<a b="${"x".repeat(4 << 20)}`)
    refused(`<a>${"&".repeat(1 << 20)}</a>`)
    refused("<!--".repeat(1 << 20))
    assert.equal(parseXml(`<a>${"<b/>".repeat(40_000)}</a>`).children.length, 40_000)
  })

  it("HTML: comments without an end are searched once", () => {
    fast(() => assert.deepEqual(linksOf(`${"<!--".repeat(4 << 20)}</html>`), []))
    fast(() => assert.deepEqual(linksOf(`${"<a ".repeat(4 << 20)}</html>`), []))
    fast(() => assert.deepEqual(linksOf(`${"<a href".repeat(1 << 20)}</html>`), []))
    assert.deepEqual(linksOf('<!-- <a href="x"> --><a href="y"><!-- --></html>'), ["y"])
  })
})
