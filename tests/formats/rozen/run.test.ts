/** Runs: the keys that objects are sealed with, and how they are wrapped. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { keyFor, type Keyring, ownerKeyring, signerId, type Signers } from "../../../formats/rozen/keyring.ts"
import { makeLayout } from "../../../formats/rozen/layout.ts"
import { makeRuns, PUBLIC, type Run, SECRET } from "../../../formats/rozen/run.ts"
import { getSealed, putSealed } from "../../../formats/rozen/sealed.ts"
import { chunk } from "../../../stages/chunk/chunk.ts"
import { compress } from "../../../stages/compress/compress.ts"
import { encrypt } from "../../../stages/encrypt/encrypt.ts"
import { contents } from "../../../stages/fetch/contents.ts"
import { hash } from "../../../stages/hash/hash.ts"
import type { KernelSpec } from "../../../stages/kernel/kernel.ts"
import { pack } from "../../../stages/pack/pack.ts"
import { packsOf } from "../../../stages/pack/packs.ts"
import { plan } from "../../../stages/plan/plan.ts"
import { decompress, unchunk, unpack, verify } from "../../../stages/plan/recipe.ts"
import { portableEd25519 } from "../../../stages/sign/ed25519.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import vectors from "../../vectors/rozen_runs.json" with { type: "json" }

const masters = [vectors.master, "22".repeat(32)].map((hex) => Redacted.make(hexToBytes(hex)))
const chunks = Redacted.make(hexToBytes("33".repeat(32)))
const ownerOf = (epochs: number, id = vectors.id) =>
  Effect.runPromise(ownerKeyring({ id, chunks, masters: masters.slice(0, epochs) }, { writers }))
const seed = Redacted.make(hexToBytes("44".repeat(32)))
const publicKey = portableEd25519.publicKey(Redacted.value(seed))
const writer = { id: signerId(publicKey), seed }
const writers: Signers = new Map([[bytesToHex(writer.id), { role: "writer", name: "laptop", publicKey }]])
/** What a machine has that can only add. */
const writerOf = (keyring: Keyring): Keyring => ({
  ...keyring,
  role: "writer",
  signer: writer,
  signers: writers,
  epochs: keyring.epochs.map(({ runs: _runs, sealing: _sealing, ...rest }) => rest),
})
const keyOf = ({ params }: KernelSpec<"encrypt">): string =>
  bytesToHex(Redacted.value(params["key"] as Redacted.Redacted<Uint8Array>))
const keysOf = ({ blocks, footers, logs, snapshots }: Run) => ({
  "blocks": keyOf(blocks),
  "pack footers": keyOf(footers),
  "logs": keyOf(logs),
  "snapshots": keyOf(snapshots),
})
const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

describe("known answers", () => {
  it("both wrappings open to the same keys, and headers have them", async () => {
    const keyring = await ownerOf(1)
    const epoch = keyring.epochs[0]!
    const { runs, sealing } = epoch
    assert.deepEqual({
      "runs": bytesToHex(Redacted.value(runs!)),
      "sealing": bytesToHex(Redacted.value(sealing!)),
      "indexes": bytesToHex(Redacted.value(epoch.indexes)),
      "owner signing": bytesToHex(Redacted.value(keyring.signer!.seed)),
    }, vectors.epoch)
    assert.equal(epoch.recipient, vectors.recipient)
    assert.deepEqual({
      "chunk ids": bytesToHex(Redacted.value(keyFor(chunks, "chunk ids"))),
      "chunk cuts": bytesToHex(Redacted.value(keyFor(chunks, "chunk cuts"))),
    }, vectors.chunks)
    for (const tag of vectors.tags) {
      assert.deepEqual(keysOf(await run(makeRuns(keyring).open(hexToBytes(tag)))), vectors.run)
    }
    const { header } = makeLayout(keyring)
    assert.equal(bytesToHex(header("ROZE-IDX", hexToBytes(vectors.tags[0]!))), vectors.header)
  })
})

describe("the key of a run", () => {
  it("is wrapped with a secret by those who can read, and for the newest recipient by others", async () => {
    const owner = await ownerOf(2)
    const ofOwner = await run(makeRuns(owner).current)
    assert.deepEqual([...ofOwner.tag.subarray(0, 5)], [2, 0, 0, 0, SECRET])
    const writer = makeRuns(writerOf(owner))
    const ofWriter = await run(writer.current)
    assert.deepEqual([...ofWriter.tag.subarray(0, 5)], [2, 0, 0, 0, PUBLIC])
    assert.equal(ofWriter.tag.length, 1157)
    for (const { tag, ...keys } of [ofOwner, ofWriter]) {
      assert.deepEqual(keysOf(await run(makeRuns(owner).open(tag))), keysOf({ tag, ...keys }))
    }
    // A writer opens what it wrote itself, as long as it is open, and nothing else.
    assert.equal(await run(writer.open(ofWriter.tag)), ofWriter)
    for (const [runs, tag] of [[writer, ofOwner.tag], [makeRuns(writerOf(owner)), ofWriter.tag]] as const) {
      assert.match((await run(Effect.flip(runs.open(tag)))).what, /owners and readers only/)
    }
  })

  it("is the same for all that is written at once, and remembered when it was opened", async () => {
    const owner = await ownerOf(1)
    for (const keyring of [owner, writerOf(owner)]) {
      const runs = makeRuns(keyring)
      const [first, second] = await run(Effect.all([runs.current, runs.current], { concurrency: 2 }))
      assert.equal(first, second)
      const other = makeRuns(owner)
      assert.equal(await run(other.open(first.tag)), await run(other.open(first.tag.slice())))
    }
  })

  it("does not open when its tag is cut, altered, of another epoch or repository, or of an unknown kind", async () => {
    const owner = await ownerOf(1)
    const later = await ownerOf(2)
    const elsewhere = await ownerOf(1, "99".repeat(16))
    const problem = (tag: Uint8Array, keyring = owner) => run(Effect.flip(makeRuns(keyring).open(tag)))
    for (const keyring of [owner, writerOf(owner)]) {
      const { tag } = await run(makeRuns(keyring).current)
      for (const length of [0, 4]) assert.match((await problem(tag.subarray(0, length))).what, /does not say/)
      for (const length of [5, 6, tag.length - 1]) assert.match((await problem(tag.subarray(0, length))).what, /cut/)
      for (const at of [5, 40, tag.length - 1]) {
        const altered = tag.map((byte, i) => i === at ? byte ^ 1 : byte)
        assert.match((await problem(altered)).what, /does not open/, String(at))
      }
      const kind = await problem(tag.map((byte, i) => i === 4 ? 9 : byte))
      assert.deepEqual([kind.reason, /kind 9/.test(kind.what)], ["newer", true])
      const other = await problem(tag.map((byte, i) => i === 4 ? 3 - byte : byte))
      assert.match(other.what, /cut/)
    }
    const { tag } = await run(makeRuns(owner).current)
    assert.match((await problem(tag, elsewhere)).what, /another repository/)
    const { tag: newer } = await run(makeRuns(later).current)
    assert.match((await problem(newer)).what, /epoch 2.*of epoch 1/)
    // A wrapping of one epoch under the number of the other.
    assert.match((await problem(newer.map((byte, i) => i === 0 ? 1 : byte), later)).what, /does not open/)
  })
})

describe("what is sealed by one", () => {
  const content = new TextEncoder().encode("what nobody else is to read")

  for (const role of ["owner", "writer"] as const) {
    it(`as ${role}: an owner of a later epoch reads packs, listed or not, and other objects`, async () => {
      const owner = await ownerOf(1)
      const from = makeLayout(role === "owner" ? owner : writerOf(owner))
      const to = makeLayout(await ownerOf(2))
      const store = await run(memoryStore.make())
      const file = { path: "a", kind: "file", metadata: {}, size: content.length, content } as const
      const { blocks } = await run(from.runs.current)
      const stored = await run(
        plan(Stream.succeed(file)).pipe(
          chunk(from.chunk),
          hash(from.hash),
          compress(from.compress),
          encrypt(blocks),
          pack(packsOf(from.data)),
          Stream.runCollect,
          Effect.scoped,
          Effect.provideService(ObjectStore, store),
        ),
      )
      const read = () =>
        run(
          Stream.fromIterable(stored).pipe(
            unpack(packsOf(to.data)),
            decompress(to.compress),
            verify(to.hash),
            unchunk,
            contents,
            Stream.runCollect,
            Effect.scoped,
            Effect.provideService(ObjectStore, store),
          ),
        )
      assert.deepEqual((await read())[0]!.content, content)
      await run(putSealed(store, from, from.logs, "log", content))
      const sealed = await run(getSealed(store, to, to.logs, "log"))
      assert.deepEqual([sealed.body, sealed.by.role], [content, role])
      // Another key of the same run does not open it.
      assert.match(
        (await run(Effect.flip(getSealed(store, to, { ...to.logs, key: "snapshots" }, "log")))).message,
        /was altered/,
      )

      const names = (await run(Stream.runCollect(store.list("")))).map(({ name }) => name)
      for (const name of names.filter((name) => name.endsWith(".map"))) await run(store.remove(name))
      assert.deepEqual((await read())[0]!.content, content)

      // The tag of another run, or of none, at the end of the pack.
      const [name] = names.filter((name) => name.endsWith(".roz"))
      const bytes = await run(store.get(name!, { atMost: 1 << 20 }))
      const { tag } = await run(makeRuns(owner).current)
      const end = bytes.length - 14
      for (const [at, replaced] of [[end - tag.length, tag], [end - 20, new Uint8Array(20)]] as const) {
        const altered = bytes.slice()
        altered.set(replaced, at)
        await run(store.put(name!, [altered], { replace: true }))
        const lost = (await read())[0]!.content
        assert.ok(Stream.isStream(lost))
        assert.match((await run(Effect.flip(Stream.runDrain(lost)))).message, /content is lost/)
      }
    })
  }
})
