/** Objects, byte by byte: vectors made by other tools; frames that are moved, dropped or cut; every byte altered. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { Effect, Stream } from "effect"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { RepositoryError } from "../../../../formats/error.ts"
import { subkey } from "../../../../formats/rozen/keys.ts"
import { SECTION_BYTES } from "../../../../formats/rozen/v0/frames.ts"
import type { Layout, ObjectMagic } from "../../../../formats/rozen/v0/layout.ts"
import { decodeEaMetadata, decodeFsMetadata, encodeEaMetadata } from "../../../../formats/rozen/v0/metadata.ts"
import { contentObject } from "../../../../formats/rozen/v0/layout.ts"
import { openObject } from "../../../../formats/rozen/v0/object_read.ts"
import { type NewObject, ObjectEncoder } from "../../../../formats/rozen/v0/object_write.ts"
import { sealWith } from "../../../../stages/encrypt/aead.ts"
import { portableXaes } from "../../../../stages/encrypt/aes256gcm.ts"
import { Redacted } from "effect"
import vector from "../../../vectors/rozen_v0.json" with { type: "json" }
import { noise } from "../../../suites/noise.ts"
import { layoutOf, MASTER, variants } from "./harness.ts"

const encode = (layout: Layout, object: NewObject, data: Uint8Array): Uint8Array => {
  const encoder = new ObjectEncoder(layout, object)
  const parts = [encoder.head]
  // In uneven pieces: how the data comes must not matter.
  for (let at = 0; at < data.length; at += 700_001) parts.push(...encoder.push(data.subarray(at, at + 700_001)))
  parts.push(...encoder.end())
  return new Uint8Array(Buffer.concat(parts))
}

/** The data of an object, or the error. */
const read = (
  layout: Layout,
  magic: ObjectMagic,
  name: string,
  bytes: Uint8Array,
): Promise<{ data: Uint8Array; sections: ReadonlyArray<Uint8Array> } | RepositoryError> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const store = yield* memoryStore.make()
      yield* store.put(name, [bytes])
      const { data, sections } = yield* openObject({ store, layout }, magic, name)
      const pieces = yield* Stream.runCollect(data)
      return { data: new Uint8Array(Buffer.concat(pieces)), sections }
    }).pipe(Effect.catchTag("RepositoryError", (error) => Effect.succeed(error))),
  )

const failure = async (result: ReturnType<typeof read>): Promise<RepositoryError> => {
  const error = await result
  return error instanceof RepositoryError ? error : assert.fail("it was read")
}

const contentOf = (layout: Layout, data: Uint8Array, sections: ReadonlyArray<Uint8Array>): NewObject => {
  const dataId = layout.hasher.digest(data)
  return { magic: "ROZE-DAT", name: contentObject(bytesToHex(dataId)), sections, dataId }
}

/** Where the frames of an encoded object are: [start, end) of each, its length included. */
const framesOf = (bytes: Uint8Array, header: number): ReadonlyArray<readonly [number, number]> => {
  const frames: Array<readonly [number, number]> = []
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  for (let at = header; at < bytes.length;) {
    const end = at + 4 + view.getUint32(at, true)
    frames.push([at, end])
    at = end
  }
  return frames
}

const SEALED_HEADER = 8 + 1 + 3 + 32 + 3
const sections = [new Uint8Array([1, 2, 3]), new Uint8Array(0)]

describe("rozen v0 objects", () => {
  it("have the bytes that other tools make from the specification, encrypted", async () => {
    let number = 0
    const cipher = portableXaes(Redacted.value(subkey(Redacted.make(MASTER), "blocks")))
    const base = layoutOf({})
    const layout: Layout = {
      ...base,
      random: () => hexToBytes(vector.salt),
      ciphers: {
        ...base.ciphers,
        "ROZE-DAT": {
          ...base.ciphers["ROZE-DAT"],
          seal: (bytes, aad) => sealWith(cipher, hexToBytes(vector.nonces[number++]!), bytes, aad),
        },
      },
    }
    const content = hexToBytes(vector.content)
    const object = contentOf(layout, content, [hexToBytes(vector.fsMetadata), hexToBytes(vector.eaMetadata)])
    assert.equal(object.name, vector.name)
    assert.equal(bytesToHex(encode(layout, object, content)), vector.sealed)
    const found = await read(base, "ROZE-DAT", vector.name, hexToBytes(vector.sealed))
    assert.ok(!(found instanceof RepositoryError), String(found))
    assert.deepEqual([...found.data], [...content])
    const entry = decodeFsMetadata(vector.name, found.sections[0]!)
    assert.deepEqual(
      [entry.path, entry.size, entry.metadata],
      ["dir/hello.txt", 6, { mode: 0o644, uid: 1000, gid: 1000, user: "me", mtime: 1600000000123456789n }],
    )
    const attributes = decodeEaMetadata(vector.name, found.sections[1]!)
    assert.deepEqual(attributes.map(({ name, value }) => [bytesToHex(name), bytesToHex(value)]), [
      [bytesToHex(new TextEncoder().encode("user.k")), "0076"],
    ])
    assert.equal(bytesToHex(encodeEaMetadata(attributes)), vector.eaMetadata)
  })

  it("have the bytes that other tools make from the specification, plain, and end with the file itself", async () => {
    const layout = layoutOf({ encryption: "none", compression: "none" })
    const content = hexToBytes(vector.content)
    const object = contentOf(layout, content, [hexToBytes(vector.fsMetadata), hexToBytes(vector.eaMetadata)])
    assert.equal(bytesToHex(encode(layout, object, content)), vector.plain)
    assert.ok(!((await read(layout, "ROZE-DAT", vector.name, hexToBytes(vector.plain))) instanceof RepositoryError))
    const large = noise(3_000_001, 1)
    const bytes = encode(layout, contentOf(layout, large, sections), large)
    assert.ok(Buffer.from(bytes.subarray(bytes.length - large.length)).equals(Buffer.from(large)))
  })

  for (const write of variants) {
    const layout = layoutOf(write)
    const title = `${write.encryption}, ${write.compression}`
    it(`are read back at every length around that of a frame (${title})`, async () => {
      for (const length of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20]) {
        const data = noise(length, length)
        const object = contentOf(layout, data, sections)
        const found = await read(layout, "ROZE-DAT", object.name, encode(layout, object, data))
        assert.ok(!(found instanceof RepositoryError), `${length}: ${found}`)
        assert.ok(Buffer.from(found.data).equals(Buffer.from(data)), String(length))
        assert.deepEqual(found.sections.map((section) => [...section]), [[1, 2, 3], []])
      }
    })

    it(`are refused when any byte is changed, missing or added (${title})`, { timeout: 60_000 }, async () => {
      const data = new TextEncoder().encode("some text ".repeat(12))
      const dataId = layout.hasher.digest(data)
      const objects: ReadonlyArray<NewObject> = [
        contentOf(layout, data, sections),
        { magic: "ROZE-IDX", name: "INDEX/00.idx", sections: [new Uint8Array(20)], dataId },
        { magic: "ROZE-LOG", name: "DATA/ab.roz-log/0000.roz-log", sections: [new Uint8Array(36)], dataId },
      ]
      for (const object of objects) {
        const bytes = encode(layout, object, data)
        for (let at = 0; at < bytes.length; at++) {
          const altered = bytes.slice()
          altered[at]! ^= 1 << (at % 8)
          const found = await read(layout, object.magic, object.name, altered)
          if (!(found instanceof RepositoryError)) {
            // Unused bits of a compressed frame: what is read is right all the same.
            assert.ok(write.encryption === "none" && write.compression === "zstd", `byte ${at} of ${object.magic}`)
            assert.deepEqual([...found.data], [...data])
            continue
          }
          assert.ok(found.message.includes(object.name))
          if (at === 8) assert.equal(found.reason, "newer")
          const short = await failure(read(layout, object.magic, object.name, bytes.subarray(0, at)))
          assert.equal(short.reason, "corrupt")
        }
        await failure(read(layout, object.magic, object.name, new Uint8Array([...bytes, 0])))
      }
    })
  }

  it("are refused with frames that are dropped, moved, repeated or of another object", async () => {
    const layout = layoutOf({ compression: "none" })
    const data = noise((3 << 20) + 5, 7)
    const object = contentOf(layout, data, sections)
    const bytes = encode(layout, object, data)
    const frames = framesOf(bytes, SEALED_HEADER)
    assert.equal(frames.length, 2 + 4)
    const with_ = (...order: ReadonlyArray<number>): Uint8Array =>
      new Uint8Array(
        Buffer.concat([bytes.subarray(0, SEALED_HEADER), ...order.map((i) => bytes.subarray(...frames[i]!))]),
      )
    const fails = async (altered: Uint8Array, pattern: RegExp) =>
      assert.match((await failure(read(layout, "ROZE-DAT", object.name, altered))).message, pattern)
    await fails(with_(0, 1, 2, 3, 4), /is truncated: nothing follows frame 4/)
    await fails(with_(0, 1), /is truncated/)
    await fails(with_(0, 1, 3, 4, 5), /frame 2 is not/)
    await fails(with_(0, 1, 3, 2, 4, 5), /frame 2 is not/)
    await fails(with_(0, 1, 2, 2, 4, 5), /frame 3 is not/)
    await fails(with_(1, 0, 2, 3, 4, 5), /frame 0 is not/)
    await fails(with_(0, 1, 2, 3, 4, 5, 5), /goes on after its end/)
    // Another writing of the same content has a salt of its own.
    const again = encode(layout, object, data)
    const mixed = new Uint8Array(Buffer.concat([bytes.subarray(0, frames[3]![0]), again.subarray(frames[3]![0])]))
    await fails(mixed, /frame 3 is not/)
    // The same bytes under another name.
    const other = contentObject("ab".repeat(32))
    assert.match((await failure(read(layout, "ROZE-DAT", other, bytes))).message, /frame 0 is not/)
  })

  it("say why they are refused", async () => {
    const layout = layoutOf({})
    const data = new Uint8Array([1])
    const object = contentOf(layout, data, sections)
    const bytes = encode(layout, object, data)
    const changed = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice()
      copy[at] = value
      return copy
    }
    const of = async (altered: Uint8Array) => await failure(read(layout, "ROZE-DAT", object.name, altered))
    assert.match((await of(changed(8, 255))).message, /block version 255/)
    assert.equal((await of(changed(8, 255))).reason, "newer")
    assert.match((await of(changed(9, 7))).message, /encryption 7/)
    assert.match((await of(changed(0, 0))).message, /does not begin with ROZE-DAT/)
    assert.match((await of(changed(12, 0))).message, /another repository/)
    const huge = bytes.slice()
    new DataView(huge.buffer).setUint32(SEALED_HEADER, SECTION_BYTES * 2, true)
    assert.match((await of(huge)).message, /claims/)
  })
})
