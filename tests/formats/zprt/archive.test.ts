/** Which archives can be read, and which are refused: layouts, trailers, damage and keys. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { Effect, Redacted } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { ARCHIVE, makeZprt } from "../../../formats/zprt/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import {
  ageFile,
  alice,
  archiveOf,
  assembleArchive,
  bob,
  contentsOf,
  inStore,
  list,
  MAGIC,
  numbers,
} from "./harness.ts"
import { path, read, refused, secrets, stored, textsOf, toAlice, toBob } from "./harness.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const TREE: MemoryTree = {
  "a": { content: "apple" },
  "d/b": { content: "apple" },
  "d/c": { content: "cherry" },
  "e": {
    directory: true,
  },
}
const HELD = { "a": "apple", "d/b": "apple", "d/c": "cherry", "e": null }

/** `apple` as a and d/b, and `cherry` as d/c, from two age files; and the empty directory e. */
const byHand = async (
  layout: "document" | "program",
  trailer: "length" | "position",
  change: { readonly hash?: Uint8Array; readonly size?: number; readonly gap?: number; readonly index?: Uint8Array } =
    {},
): Promise<Uint8Array> => {
  const [apple, cherry] = [await ageFile(bytes("apple")), await ageFile(bytes("cherry"))]
  const gap = new Uint8Array(change.gap ?? 0)
  const [at, next] = [numbers(8, apple.length), numbers(8 + apple.length + gap.length, cherry.length)]
  const hashes = list(blake3(bytes("apple")), change.hash ?? blake3(bytes("cherry")))
  const sizes = list(numbers(5), numbers(change.size ?? 6))
  const positions = list(at, at, next)
  const paths = list(path("a"), path("d", "b"), path("d", "c"))
  const empty = list(path("e"))
  const plain = layout === "document"
    ? [MAGIC, list(at, next), hashes, sizes, positions, paths, empty]
    : [MAGIC, positions, paths, empty, list(at.subarray(0, 8), next.subarray(0, 8)), hashes, sizes]
  const index = await ageFile(change.index ?? Buffer.concat(plain), toAlice, 19)
  return assembleArchive([apple, gap, cherry], index, trailer)
}

describe("zprt archives", () => {
  for (const layout of ["document", "program"] as const) {
    for (const trailer of ["length", "position"] as const) {
      it(`are read in the layout ${layout}, with the ${trailer} of the index in the trailer`, async () => {
        assert.deepEqual(await read(await byHand(layout, trailer)), HELD)
      })
    }
  }

  it("are read even if the position of the index, taken for its length, leads to a content", async () => {
    let gap = 0
    for (let tries = 0; tries < 20; tries++) {
      const archive = await byHand("document", "position", { gap })
      const index = Buffer.from(archive).readUInt32LE(archive.length - 16)
      const wrong = archive.length - 16 - index
      const at = Buffer.from(archive).indexOf("age-encryption.org/v1\n", 100)
      if (wrong === at) return assert.deepEqual(await read(archive), HELD)
      gap += wrong - at
      assert.ok(gap >= 0 && gap < 10_000)
    }
    assert.fail("No such archive was made")
  })

  it("hold what was written, in either layout", async () => {
    for (const layout of ["document", "program"] as const) {
      assert.deepEqual(await read(await archiveOf(TREE, makeZprt({ layout }))), HELD)
    }
  })

  it("are refused with a reason when they are cut off or have bytes appended", async () => {
    const archive = await archiveOf(TREE)
    const some = Array.from(archive.keys()).filter((n) => n < 40 || n % 9 === 0 || n > archive.length - 40)
    for (const length of some) {
      const [reason, message] = await refused(archive.subarray(0, length))
      assert.equal(reason, length < 8 ? "foreign" : "corrupt", `${length}: ${message}`)
      if (length >= 8) assert.match(message, /cut off/)
    }
    for (const more of [Buffer.from([0]), archive.subarray(-16), MAGIC]) {
      const [reason] = await refused(Buffer.concat([archive, more]))
      assert.equal(reason, "corrupt")
    }
  })

  it("are refused without their magic numbers", async () => {
    const archive = await byHand("document", "length")
    const changed = (at: number): Uint8Array => archive.map((byte, i) => i === at ? byte ^ 1 : byte)
    for (const at of [0, 7]) assert.match((await refused(changed(at)))[1], /begin/)
    for (const at of [1, 8]) assert.match((await refused(changed(archive.length - at)))[1], /end/)
    const index = Buffer.concat([numbers(1), list(), list(), list(), list(), list(), list()])
    assert.deepEqual((await refused(await byHand("document", "length", { index })))[0], "corrupt")
    assert.match((await refused(await byHand("document", "length", { index })))[1], /magic/)
    assert.equal((await refused(bytes("something else, of some length")))[0], "foreign")
  })

  it("never give other content when a byte is changed", { timeout: 60_000 }, async () => {
    const archive = await archiveOf({ "a": { content: "apple" }, "c": { content: "cherry" } })
    for (let at = 0; at < archive.length; at += 5) {
      const changed = archive.slice()
      changed[at]! ^= 1 << (at % 8)
      const found = await inStore(changed, () => Effect.result(Effect.flatMap(makeZprt().open(secrets), contentsOf)))
      if (found._tag === "Failure") {
        const { _tag, reason } = found.failure as { readonly _tag: string; readonly reason: string }
        assert.equal(_tag, "RepositoryError")
        assert.ok(["corrupt", "wrong-key"].includes(reason), `byte ${at}: ${reason}`)
        continue
      }
      const { a, c } = found.success
      const lost = ["<damaged>", "<denied>"]
      assert.ok([a, c].filter((text) => lost.includes(text!)).length === 1, `byte ${at}: ${a} ${c}`)
      assert.ok(a === "apple" || c === "cherry", `byte ${at}`)
    }
  })

  it("give different errors for a wrong key and for damage", async () => {
    const archive = await archiveOf(TREE)
    assert.equal((await refused(archive, { identities: [bob] }))[0], "wrong-key")
    assert.equal((await refused(archive, { recipients: [toAlice] }))[0], "wrong-key")
    assert.equal((await refused(archive, { password: Redacted.make("x") }))[0], "unused-secret")
    assert.equal((await refused(archive, {}))[0], "wrong-key")
    assert.equal((await refused(archive, { identities: [Redacted.make("AGE-SECRET-KEY-1")] }))[0], "unsupported")
    assert.equal((await refused(archive, { identities: [alice], password: Redacted.make("x") }))[0], "unsupported")
    assert.deepEqual(await read(archive, { identities: [bob, alice] }), HELD)
  })

  it("lose only a file whose hash or size is not what the index says, and check finds it", async () => {
    for (const change of [{ hash: new Uint8Array(32) }, { size: 5 }, { size: 7 }, { size: 2 ** 50 }]) {
      const archive = await byHand("document", "length", change)
      assert.deepEqual(await read(archive), { ...HELD, "d/c": "<damaged>" })
      await inStore(archive, () =>
        Effect.gen(function* () {
          const repository = yield* makeZprt().open(secrets)
          assert.deepEqual((yield* repository.check({ readData: 0 })).findings, [])
          const { findings } = yield* repository.check({ readData: 100 })
          assert.deepEqual(findings.map(({ files }) => files.map(({ path }) => path)), [["d/c"]])
          assert.match(findings[0]!.object, /archive\.zprt, \d+ bytes at \d+/)
        }))
    }
  })

  it("limit how many bytes decompression may give", async () => {
    const bomb = await ageFile(new Uint8Array(64 << 20))
    const cherry = numbers(8, bomb.length)
    const plain = [
      MAGIC,
      list(cherry),
      list(blake3(bytes("x"))),
      list(numbers(6)),
      list(cherry),
      list(path("a")),
      list(),
    ]
    assert.deepEqual(await read(assembleArchive([bomb], await ageFile(Buffer.concat(plain)))), { a: "<damaged>" })
    const [reason, message] = await refused(assembleArchive([], bomb))
    assert.equal(reason, "corrupt")
    assert.match(message, /longer than/)
  })

  it("give one file without reading others", () =>
    runFormat(Effect.gen(function* () {
      const archive = yield* Effect.promise(() =>
        archiveOf({
          "small": { content: "here" },
          "x": { content: noise(900_000, 1) },
          "y": { content: noise(1000, 2) },
        })
      )
      const store = yield* inMemory(archive)
      yield* Effect.provideService(
        Effect.gen(function* () {
          const repository = yield* makeZprt().open(secrets)
          const [snapshot] = yield* repository.snapshots
          const before = store.counts()
          const include = (path: string) => path === "small"
          assert.deepEqual(yield* textsOf(repository.entries(snapshot!, { include })), { small: "here" })
          const after = store.counts()
          // Magic, trailer, the beginning of the index (which is in memory already), and the file.
          assert.equal(after.read - before.read, 4)
          assert.ok(after.bytesRead - before.bytesRead < 1500)
          assert.ok(after.bytesRead < 4000, `${after.bytesRead} bytes were read in all`)
        }),
        ObjectStore,
        store,
      )
    })))

  it("give a file only to those whom it is encrypted for", async () => {
    const recipientsFor = (path: string) => path === "d/c" ? [toBob] : path === "d/b" ? [toAlice, toBob] : undefined
    const both = { recipients: [toAlice, toBob] }
    const archive = await archiveOf(TREE, makeZprt({ recipientsFor }), both)
    assert.deepEqual(await read(archive), { ...HELD, "d/c": "<denied>" })
    assert.deepEqual(await read(archive, { identities: [bob] }), HELD)
    const mine = await archiveOf(TREE, makeZprt({ recipientsFor }), secrets)
    // Equal contents for different people are stored apart, so that each can read their own.
    await inStore(mine, () =>
      Effect.gen(function* () {
        const repository = yield* makeZprt().open(secrets)
        const { chunks, findings } = yield* repository.check({ readData: 100 })
        assert.equal(chunks, 3)
        assert.deepEqual(findings.map(({ files }) => files.map(({ path }) => path)), [["d/c"]])
        assert.match(findings[0]!.message, /for others/)
      }))
    const error = await archiveOf(TREE, makeZprt({ recipientsFor: () => [] })).catch((error: Error) => error)
    assert.match(String((error as Error).message), /recipient/)
  })

  it("with a passphrase for every age file can be read, and get a key slot when they are written again", async () => {
    const { Encrypter } = await import("age-encryption")
    const { zstdCompressSync } = await import("node:zlib")
    const password = { password: Redacted.make("secret") }
    const locked = async (content: Uint8Array): Promise<Uint8Array> => {
      const encrypter = new Encrypter()
      encrypter.setPassphrase("secret")
      encrypter.setScryptWorkFactor(10)
      return await encrypter.encrypt(new Uint8Array(zstdCompressSync(content)))
    }
    const file = await locked(bytes("cherry"))
    const at = numbers(8, file.length)
    const lists = [list(at), list(blake3(bytes("cherry"))), list(numbers(6)), list(at), list(path("c")), list()]
    const archive = assembleArchive([file], await locked(Buffer.concat([MAGIC, ...lists])))
    assert.deepEqual(await read(archive, password), { c: "cherry" })
    assert.equal((await refused(archive, { password: Redacted.make("wrong") }))[0], "wrong-key")
    assert.equal((await refused(archive))[0], "wrong-key")
    const written = await inStore(archive, (store) =>
      Effect.gen(function* () {
        const repository = yield* makeZprt({ scryptLogN: 10 }).open(password)
        const [snapshot] = yield* repository.snapshots
        yield* repository.backup(repository.entries(snapshot!), { paths: [] })
        return yield* stored(store)
      }))
    assert.deepEqual(await read(written, password), { c: "cherry" })
    assert.equal(Buffer.from(written).toString("latin1").match(/-> scrypt/g)!.length, 1)
  })
})

const inMemory = Effect.fnUntraced(function* (archive: Uint8Array) {
  const { memoryStore } = yield* Effect.promise(() => import("../../../adapters/store/memory/memory.ts"))
  const store = counting(yield* memoryStore.make())
  yield* store.put(ARCHIVE, [archive])
  return store
})
