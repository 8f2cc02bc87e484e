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
  const { id, master } = decodePaper(Redacted.make(text))
  return { id, master: bytesToHex(Redacted.value(master)) }
}
const right = { id: vectors.id, master: vectors.master }
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
    assert.throws(() => decoded(encoded(new Uint8Array(49).fill(1), "penstock-other-")), { reason: "wrong-key" })
    assert.throws(() => decoded(encoded(new Uint8Array(49).fill(2))), { reason: "newer" })
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
        for (const { name } of yield* Stream.runCollect(store.list("KEYS/"))) yield* store.remove(name)
        const paper = yield* made.keys!.export
        const opened = yield* Effect.provideService(format.open({ paper }), ObjectStore, store)
        assert.deepEqual(yield* opened.snapshots, yield* made.snapshots)
        assert.deepEqual((yield* opened.check({ readData: 100 })).findings, [])
        yield* opened.keys!.add(secrets as { readonly password: Redacted.Redacted<string> })
        yield* Effect.provideService(format.open(secrets), ObjectStore, store)

        const other = yield* memoryStore.make()
        yield* Effect.provideService(format.create(secrets), ObjectStore, other)
        const error = yield* Effect.flip(Effect.provideService(format.open({ paper }), ObjectStore, other))
        assert.equal(error.reason, "wrong-key")
        assert.match(error.message, new RegExp(`^The paper key is of the repository ${made.id}, and the one at `))
        const refused = yield* Effect.flip(Effect.provideService(format.create({ paper }), ObjectStore, other))
        assert.equal(refused.reason, "unused-secret")
      })))
  }
})
