/** What can be recovered of damaged archives. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted } from "effect"
import type { Secrets } from "../../../formats/secrets.ts"
import { makeZprt, recover } from "../../../formats/zprt/mod.ts"
import { AGE_INTRO } from "../../../stages/encrypt/age_header.ts"
import { noise } from "../../suites/noise.ts"
import {
  archiveOf,
  bob,
  brief,
  contentsOf,
  inStore,
  MAGIC,
  read,
  refused,
  secrets,
  stored,
  textsOf,
  toAlice,
  toBob,
} from "./harness.ts"

const large = noise(70_000, 1)
const long = brief(large)
const TREE = { "a": { content: "apple" }, "d/b": { content: large }, "e": { directory: true } } as const
const HELD = { "a": "apple", "d/b": long, "e": null }
const password: Secrets = { password: Redacted.make("secret") }

const recovered = (archive: Uint8Array, given: Secrets = secrets) =>
  inStore(archive, () =>
    Effect.gen(function* () {
      const found = yield* recover(given)
      return { named: found.named, places: found.places, texts: yield* textsOf(found.entries) }
    }))

const rebuilt = (archive: Uint8Array, given: Secrets = secrets) =>
  inStore(archive, (store) =>
    Effect.gen(function* () {
      const repository = yield* makeZprt().open(given)
      const before = yield* repository.check({ readData: 100 })
      assert.equal(before.findings[0]?.object, "archive.zprt")
      const summary = yield* repository.rebuild
      const after = yield* repository.check({ readData: 100 })
      return { summary, texts: yield* contentsOf(repository), archive: yield* stored(store), after }
    }))

/** The offsets of the age files. */
const starts = (archive: Uint8Array): ReadonlyArray<number> =>
  [...Buffer.from(archive).toString("latin1").matchAll(/age-encryption\.org\/v1\n/g)].map(({ index }) => index)

describe("damaged zprt archives", () => {
  for (const [kind, given] of [["an identity", secrets], ["a password", password]] as const) {
    it(`give all files with their paths if the index is there, to ${kind}`, async () => {
      const archive = await archiveOf(TREE, makeZprt({ scryptLogN: 10 }), given)
      const cases: Record<string, Uint8Array> = {
        "without trailer": archive.subarray(0, -16),
        "trailer cut off": archive.subarray(0, -5),
        "trailer damaged": archive.map((byte, i) => i === archive.length - 14 ? byte ^ 1 : byte),
        "something appended": Buffer.concat([archive, noise(5000, 2)]),
        "magic damaged": archive.map((byte, i) => i === 3 ? byte ^ 1 : byte),
      }
      for (const [damage, bytes] of Object.entries(cases)) {
        assert.equal((await refused(bytes, given))[0], "corrupt", damage)
        const { named, texts } = await recovered(bytes, given)
        assert.deepEqual([named, texts], [true, HELD], damage)
        const { after, summary, texts: again } = await rebuilt(bytes, given)
        assert.deepEqual([again, after.findings, summary.findings, summary.packsIndexed], [HELD, [], [], 0], damage)
        assert.equal(summary.snapshots.length, 1)
      }
    })

    it(`give each content a made-up name if the index is lost, to ${kind}`, async () => {
      const archive = await archiveOf(TREE, makeZprt({ scryptLogN: 10 }), given)
      const index = starts(archive).at(-1)!
      const damaged = archive.map((byte, i) => i === archive.length - 30 ? byte ^ 1 : byte)
      for (const bytes of [archive.subarray(0, index + 30), archive.subarray(0, index), damaged]) {
        const { named, places, texts } = await recovered(bytes, given)
        assert.equal(named, false)
        const names = Object.keys(texts)
        assert.ok(names.every((name, i) => name === `recovered-${String(i + 1).padStart(6, "0")}`), String(names))
        assert.ok(places.every(({ offset }) => Buffer.compare(bytes.subarray(offset, offset + 22), AGE_INTRO) === 0))
        const whole = Object.values(texts).filter((text) => text !== "<damaged>")
        assert.deepEqual(whole.toSorted(), ["apple", long].toSorted())
        const { after, archive: made, summary, texts: again } = await rebuilt(bytes, given)
        assert.deepEqual(Object.values(again).toSorted(), ["apple", long].toSorted())
        assert.deepEqual([after.findings, summary.packsIndexed], [[], 2])
        // Every stored byte is still there.
        assert.ok(Buffer.from(made).includes(Buffer.from(bytes.subarray(8))))
        assert.deepEqual(await read(made, given), again)
      }
    })
  }

  it("keep contents that are encrypted for others", async () => {
    const recipientsFor = (path: string) => path === "a" ? [toBob] : undefined
    const archive = await archiveOf(TREE, makeZprt({ recipientsFor }), { recipients: [toAlice] })
    const cut = archive.subarray(0, starts(archive).at(-1)!)
    assert.deepEqual(Object.values((await recovered(cut)).texts).toSorted(), ["<denied>", long].toSorted())
    const { archive: made, summary } = await rebuilt(cut)
    assert.deepEqual(summary.findings.length, 1)
    const his = Object.values((await recovered(made.subarray(0, -16), { identities: [bob] })).texts)
    assert.ok(his.includes("apple"))
  })

  it("are not touched if they are whole, or if no key fits", async () => {
    const archive = await archiveOf(TREE)
    await inStore(archive, (store) =>
      Effect.gen(function* () {
        const summary = yield* Effect.flatMap(makeZprt().open(secrets), ({ rebuild }) => rebuild)
        assert.deepEqual(summary, { snapshots: [], packsIndexed: 0, findings: [] })
        assert.deepEqual(yield* stored(store), archive)
      }))
    const cut = archive.subarray(0, starts(archive).at(-1)!)
    await inStore(cut, (store) =>
      Effect.gen(function* () {
        const repository = yield* makeZprt().open({ identities: [bob] })
        assert.equal((yield* Effect.flip(repository.rebuild)).reason, "wrong-key")
        assert.equal((yield* Effect.flip(repository.backup(yield* none, { paths: [] }))).reason, "corrupt")
        assert.deepEqual(yield* stored(store), cut)
      }))
  })

  it("give nothing if they are not archives", async () => {
    assert.deepEqual(await recovered(Buffer.concat([MAGIC, noise(1000, 1)])), { named: false, places: [], texts: {} })
    const error = await recovered(noise(1000, 1)).catch((error: { readonly reason: string }) => error.reason)
    assert.equal(error, "foreign")
  })
})

const none = Effect.map(Effect.promise(() => import("effect")), ({ Stream }) => Stream.empty)
