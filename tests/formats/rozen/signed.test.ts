/** Signatures of snapshots, indexes and logs: who may write what, and what does not count. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { type Keyring, type KnownSigner, ownerKeyring, signerId } from "../../../formats/rozen/keyring.ts"
import { makeLayout } from "../../../formats/rozen/layout.ts"
import { readSegment, segmentName } from "../../../formats/rozen/log.ts"
import { putSealed } from "../../../formats/rozen/sealed.ts"
import { makeSignatures, SIGNED_BYTES } from "../../../formats/rozen/signed.ts"
import { mayHaveId, newSnapshotId } from "../../../formats/rozen/snapshot_id.ts"
import {
  commitSnapshot,
  encodeSnapshot,
  listSnapshots,
  snapshotName,
  type SnapshotRecord,
} from "../../../formats/rozen/snapshot.ts"
import { portableEd25519 } from "../../../stages/sign/ed25519.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { file, of, root } from "../../suites/format/contents.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { alter } from "../fogsync/harness.ts"
import { options, secrets, small } from "./harness.ts"

const secret = (byte: string) => Redacted.make(hexToBytes(byte.repeat(32)))
const id = "ab".repeat(16)

interface Party {
  readonly keyring: Keyring
  readonly signerId: Uint8Array
}

/** An owner and two writers; and a stranger, who has all keys of a writer but is not enrolled. */
const parties = async (ended?: ReadonlySet<string>) => {
  const writer = (byte: string, name: string) => {
    const seed = secret(byte)
    const publicKey = portableEd25519.publicKey(Redacted.value(seed))
    return { signer: { id: signerId(publicKey), seed }, known: { role: "writer", name, publicKey } as KnownSigner }
  }
  const [laptop, server, stranger] = [writer("44", "laptop"), writer("55", "server"), writer("66", "stranger")] as const
  const writers = new Map([
    [bytesToHex(laptop.signer.id), { ...laptop.known, ...(ended === undefined ? {} : { ended }) }],
    [bytesToHex(server.signer.id), server.known],
  ])
  const owner = await Effect.runPromise(
    ownerKeyring({ id, chunks: secret("33"), masters: [secret("11")] }, { writers }),
  )
  const as = ({ signer }: ReturnType<typeof writer>): Party => ({
    keyring: { ...owner, role: "writer", signer },
    signerId: signer.id,
  })
  return {
    owner: { keyring: owner, signerId: owner.signer!.id } as Party,
    laptop: as(laptop),
    server: as(server),
    stranger: as(stranger),
  }
}

const record = (id: string, hostname: string): SnapshotRecord => ({
  id,
  time: 1,
  started: 1,
  hostname,
  username: "",
  paths: ["/data"],
  tags: [],
  files: 0,
  directories: 0,
  bytes: 0,
  log: { segments: 1, full: true, changes: 0 },
})
const catalog = { size: 0, chunks: new Uint8Array(0) }
const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

describe("signatures", () => {
  it("are of one object under one name, by somebody who is enrolled", async () => {
    const { laptop, owner, stranger } = await parties()
    const object = new TextEncoder().encode("some object")
    const [ours, theirs] = [makeSignatures(owner.keyring), makeSignatures(stranger.keyring)]
    const signed = new Uint8Array([...object, ...await run(ours.sign("INDEX/a", [object]))])
    assert.equal(signed.length, object.length + SIGNED_BYTES)
    const { by, bytes } = await run(ours.verify("INDEX/a", signed))
    assert.deepEqual([bytes, by.role], [object, "owner"])
    const why = async (name: string, bytes: Uint8Array) => (await run(Effect.flip(ours.verify(name, bytes)))).what
    assert.match(await why("INDEX/b", signed), /its signature is not valid/)
    for (let at = 0; at < signed.length; at++) {
      const altered = signed.map((byte, i) => i === at ? byte ^ 4 : byte)
      assert.match(await why("INDEX/a", altered), /signature is not valid|no owner enrolled/, String(at))
    }
    for (const length of [0, SIGNED_BYTES - 1]) {
      assert.match(await why("INDEX/a", signed.subarray(0, length)), /truncated/)
    }
    for (const length of [SIGNED_BYTES, signed.length - 1]) {
      assert.match(await why("INDEX/a", signed.subarray(0, length)), /no owner enrolled/)
    }
    const foreign = new Uint8Array([...object, ...await run(theirs.sign("INDEX/a", [object]))])
    assert.match(await why("INDEX/a", foreign), /no owner enrolled/)
    const ofWriter = new Uint8Array([...object, ...await run(makeSignatures(laptop.keyring).sign("INDEX/a", [object]))])
    assert.equal((await run(ours.verify("INDEX/a", ofWriter))).by.name, "laptop")
    const reader = makeSignatures({ ...owner.keyring, signer: undefined })
    assert.match((await run(Effect.flip(reader.sign("INDEX/a", [object])))).message, /can only read/)
  })
})

describe("snapshots of several writers", () => {
  it("cannot be forged, replaced or hidden by another writer, or by a stranger", async () => {
    const { laptop, owner, server, stranger } = await parties()
    const store = await run(memoryStore.make())
    const layouts = { owner: makeLayout(owner.keyring), server: makeLayout(server.keyring) }
    const ofLaptop = record(newSnapshotId(laptop.signerId), "laptop")
    await run(commitSnapshot(store, makeLayout(laptop.keyring), 5, ofLaptop, catalog))
    const listed = async () => {
      const { damaged, snapshots } = await run(listSnapshots(store, layouts.owner))
      return { hosts: snapshots.map(({ record }) => record.hostname), problems: damaged.map(({ message }) => message) }
    }
    assert.deepEqual(await listed(), { hosts: ["laptop"], problems: [] })

    // The same ID, before and after the snapshot that it is to hide; and with a name that is not that of the ID.
    const forged = encodeSnapshot(record(ofLaptop.id, "forged"), catalog)
    for (const [party, number] of [[server, 0], [server, 9], [stranger, 7]] as const) {
      const layout = makeLayout(party.keyring)
      await run(putSealed(store, layout, layout.snapshots, snapshotName(number, ofLaptop.id), forged))
    }
    const other = encodeSnapshot(record(newSnapshotId(server.signerId), "elsewhere"), catalog)
    await run(putSealed(store, layouts.server, layouts.server.snapshots, snapshotName(3, ofLaptop.id), other))
    const { hosts, problems } = await listed()
    assert.deepEqual(hosts, ["laptop"])
    assert.deepEqual(problems.map((text) => text.replace(/^INDEX\/(\d\d)-[0-9a-f]{16}\.idx /, "$1 ")).sort(), [
      '00 is signed by the writer "server", who did not make this snapshot',
      "03 is damaged: it holds another snapshot than its name says",
      "07 is signed by a key that no owner enrolled, or it was altered or truncated",
      '09 is signed by the writer "server", who did not make this snapshot',
    ])
    // A rebuild by the owner makes it again, and that counts.
    await run(commitSnapshot(store, layouts.owner, 20, record(ofLaptop.id, "made again"), catalog))
    assert.deepEqual((await listed()).hosts, ["made again"])
  })

  it("do not count when their writer has ended, but for those that its end lists; logs alike", async () => {
    const ids = { laptop: newSnapshotId((await parties()).laptop.signerId) }
    const { laptop, owner, server } = await parties(new Set([ids.laptop]))
    const store = await run(memoryStore.make())
    const layout = makeLayout(laptop.keyring)
    const late = newSnapshotId(laptop.signerId)
    for (const id of [ids.laptop, late]) {
      await run(commitSnapshot(store, layout, 0, record(id, id.slice(0, 8)), catalog))
    }
    const { damaged, snapshots } = await run(listSnapshots(store, makeLayout(owner.keyring)))
    assert.deepEqual(snapshots.map(({ record }) => record.id), [ids.laptop])
    assert.match(damaged[0]!.message, /signed by the writer "laptop", which has ended: it does not count/)

    const segment = async (party: Party, id: string, number: number) => {
      const layout = makeLayout(party.keyring)
      const name = segmentName(id, number)
      await run(putSealed(store, layout, layout.logs, name, new Uint8Array(0)))
      return await run(Effect.match(readSegment(store, makeLayout(owner.keyring), name), {
        onSuccess: () => "counts",
        onFailure: ({ message }) => message.slice(name.length + 1),
      }))
    }
    assert.equal(await segment(laptop, ids.laptop, 0), "counts")
    assert.match(await segment(laptop, late, 0), /has ended/)
    assert.match(await segment(server, ids.laptop, 1), /signed by the writer "server", who did not make its snapshot/)
    assert.equal(await segment(owner, ids.laptop, 2), "counts")
  })

  it("have IDs that belong to their maker", async () => {
    const { laptop, owner, server } = await parties()
    const id = newSnapshotId(laptop.signerId)
    const known = ({ signerId }: Party): KnownSigner => owner.keyring.signers.get(bytesToHex(signerId))!
    assert.ok(mayHaveId(id, known(laptop)) && mayHaveId(id, known(owner)))
    assert.ok(!mayHaveId(id, known(server)))
    assert.ok(!mayHaveId(id.toUpperCase(), known(laptop)))
    const altered = `${id[0] === "0" ? "1" : "0"}${id.slice(1)}`
    assert.ok(!mayHaveId(altered, known(laptop)))
  })
})

describe("a repository with objects that nobody signed", () => {
  it("names each, and reads all snapshots as before", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      const content = new TextEncoder().encode("content")
      yield* repository.backup(of(root, file("a", content, content.length)), options)
      const names = (yield* Stream.runCollect(store.list(""))).map(({ name }) => name)
      const signed = names.filter((name) => /\.(map|catmap|idx|roz-log)$/.test(name))
      assert.equal(signed.length, 4)
      for (const name of signed) {
        // Everything before the signature is as it was.
        yield* alter(store, name, (bytes) => bytes.map((byte, i) => i === bytes.length - 1 ? byte ^ 1 : byte))
      }
      const { findings } = yield* repository.check({ readData: 100 })
      for (const name of signed) {
        assert.ok(
          findings.some(({ message }) => message.startsWith(`${name} `)),
          `${name}: ${JSON.stringify(findings)}`,
        )
      }
      // The log and the snapshot are lost, the packs are not: a new backup stores no content again.
      const { bytesAdded, snapshot } = yield* repository.backup(of(root, file("a", content, content.length)), options)
      assert.equal(bytesAdded, 0)
      assert.equal((yield* factsOf(repository.entries(snapshot!))).size, 2)
    })))
})
