/** Paper keys: typing errors are found, and what is typed in another way is taken. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytesToHex } from "@noble/hashes/utils.js"
import { bech32m } from "@scure/base"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { decodePaper } from "../../../formats/rozen/paper.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import vectors from "../../vectors/rozen_keys.json" with { type: "json" }
import { options, secrets, small } from "./harness.ts"

const decoded = (text: string) => {
  const { chunks, id, masters } = decodePaper(Redacted.make(text))
  const hex = (secret: Redacted.Redacted<Uint8Array>): string => bytesToHex(Redacted.value(secret))
  return { id, chunks: hex(chunks), masters: masters.map(hex) }
}
const right = { id: vectors.id, chunks: vectors.chunks, masters: vectors.masters }
/** Without numbers and blanks. */
const text = vectors.paper.replace(/\d+:/g, "").replace(/\s/g, "")

describe("a paper key", () => {
  it("is taken in groups or not, with other blanks and lines, in upper or lower case", () => {
    const groups = text.match(/.{1,4}/g)!
    for (
      const typed of [
        vectors.paper,
        vectors.paper.toLowerCase(),
        `# A title\n${vectors.paper.replaceAll("\n", "\r\n")}\n# The end\n`,
        text,
        text.toLowerCase(),
        groups.join(" "),
        groups.join("\n\t"),
        ` ${groups.map((group, i) => `${i + 1}:${group}`).join("  ")} `,
      ]
    ) assert.deepEqual(decoded(typed), right)
  })

  it("with any one sign wrong, missing, doubled or swapped with the next is refused", () => {
    const signs = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LBIO1-:#".split("")
    let tried = 0
    const refused = (typed: string): void => {
      if (typed === text) return
      assert.throws(() => decoded(typed), { reason: "wrong-key" }, typed)
      tried++
    }
    for (let i = 0; i < text.length; i++) {
      const [before, sign, after] = [text.slice(0, i), text[i]!, text.slice(i + 1)]
      for (const wrong of signs) refused(before + wrong + after)
      refused(before + sign.toLowerCase() + after)
      refused(before + after)
      refused(before + sign + sign + after)
      refused(before + after.slice(0, 1) + sign + after.slice(1))
    }
    assert.ok(tried > 4000, `${tried}`)
  })

  it("with other content is refused", () => {
    const encoded = (bytes: Uint8Array, prefix = "penstock-rozen-") =>
      bech32m.encode(prefix, bech32m.toWords(bytes), false)
    assert.throws(() => decoded(""), { reason: "wrong-key" })
    assert.throws(() => decoded(encoded(new Uint8Array(0))), { reason: "wrong-key" })
    assert.throws(() => decoded(encoded(new Uint8Array(48).fill(1))), { reason: "wrong-key" })
    assert.throws(() => decoded(encoded(new Uint8Array(82).fill(1), "penstock-other-")), { reason: "wrong-key" })
    assert.throws(() => decoded(encoded(new Uint8Array(82).fill(2))), { reason: "newer" })
    for (const [length, count] of [[82, 0], [82, 2], [114, 1], [50, 0], [49, 1]] as const) {
      const bytes = new Uint8Array(length).fill(1)
      bytes[49] = count
      assert.throws(() => decoded(encoded(bytes)), { reason: "wrong-key" })
    }
    assert.equal(decoded(encoded(new Uint8Array(82).fill(1))).masters.length, 1)
  })

  for (
    const [version, format] of [["1", small], [
      "0",
      makeRozen({ version: 0, scrypt: { n: 1024, r: 8, p: 1 } }),
    ]] as const
  ) {
    it(`opens a repository of block version ${version} whose keys are lost, and no other`, () =>
      runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const made = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
        yield* made.backup(Stream.empty, options)
        const paper = yield* made.keys!.export
        for (const { name } of yield* Stream.runCollect(store.list("KEYS/"))) yield* store.remove(name)
        const opened = yield* Effect.provideService(format.open({ paper }), ObjectStore, store)
        assert.deepEqual(yield* opened.snapshots, yield* made.snapshots)
        assert.match(
          (yield* opened.check({ readData: 100 })).findings[0]!.message,
          /^KEYS\/ lacks the record of epoch 1/,
        )
        yield* opened.keys!.add(secrets as { readonly password: Redacted.Redacted<string> })
        const again = yield* Effect.provideService(format.open(secrets), ObjectStore, store)
        assert.deepEqual((yield* again.check({ readData: 100 })).findings, [])

        const other = yield* memoryStore.make()
        yield* Effect.provideService(format.create(secrets), ObjectStore, other)
        const error = yield* Effect.flip(Effect.provideService(format.open({ paper }), ObjectStore, other))
        assert.equal(error.reason, "wrong-key")
        assert.match(error.message, new RegExp(`^The paper key is of the repository ${made.id}, and the one at `))
        const refused = yield* Effect.flip(Effect.provideService(format.create({ paper }), ObjectStore, other))
        assert.equal(refused.reason, "unused-secret")
      })))
  }

  it("from before a rotation opens what was there, writes nothing, and the new one opens all", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const open = (paper: Redacted.Redacted<string>) =>
        Effect.provideService(small.open({ paper }), ObjectStore, store)
      const made = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      yield* made.backup(Stream.empty, options)
      const old = yield* made.keys!.export
      yield* made.keys!.rotate
      const opened = yield* open(old)
      assert.equal((yield* opened.snapshots).length, 1)
      assert.match((yield* Effect.flip(opened.rebuild)).message, /^A paper key from before the last rotation cannot/)
      assert.match((yield* Effect.flip(opened.keys!.export)).message, /^The paper key is older than the last rotation/)
      const paper = yield* made.keys!.export
      for (const { name } of yield* Stream.runCollect(store.list("KEYS/"))) yield* store.remove(name)
      const again = yield* open(paper)
      yield* again.keys!.add({ password: Redacted.make("new") }, { role: "reader" })
      const reader = yield* Effect.provideService(
        small.open({ password: Redacted.make("new") }),
        ObjectStore,
        store,
      )
      assert.equal(reader.epoch, 2)
      assert.equal((yield* reader.snapshots).length, 1)
    })))
})
