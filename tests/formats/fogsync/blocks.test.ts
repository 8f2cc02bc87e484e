import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { concat } from "effect/Bytes"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { BlockReader } from "../../../formats/fogsync/block_read.ts"
import { BlockWriter, EnvelopeWriter } from "../../../formats/fogsync/block_write.ts"
import { type Bptr, bptrFromHex, bptrToHex, decodeBptr, encodeBptr } from "../../../formats/fogsync/bptr.ts"
import { encodeEnvelope, startEncoder } from "../../../formats/fogsync/envelope.ts"
import { BLOCK_BYTES, blockObject } from "../../../formats/fogsync/layout.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { noise } from "../../suites/noise.ts"
import { keysFrom } from "./harness.ts"

const keys = keysFrom(noise(32))

const inStore = <A>(use: (store: ObjectStore) => Effect.Effect<A, unknown>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(memoryStore.make(), use)))

const stored = (store: ObjectStore, writer: BlockWriter) =>
  Effect.forEach(writer.take(), ({ bytes, hash }) => store.put(blockObject(hash), [bytes]))

const read = (store: ObjectStore, bptr: Bptr, limit?: number) =>
  Effect.map(
    Stream.runCollect(new BlockReader(store, keys).data(bptr, "a test", limit)),
    (pieces) => concat(pieces),
  )

/** Stores data in an envelope, and gives its address. */
const write = (writer: BlockWriter, data: Uint8Array, depth = 0): () => Bptr => {
  let placed: Bptr | undefined
  const envelope = new EnvelopeWriter(writer, startEncoder(keys), depth)
  for (let at = 0; at < data.length; at += 100_000) envelope.push(data.subarray(at, at + 100_000))
  envelope.end((bptr) => {
    placed = bptr
  })
  return () => placed ?? assert.fail("It is not placed")
}

const completeAll = (writer: BlockWriter): void => {
  while (writer.hasTails) writer.completePartial()
}

test("an address is 44 bytes, big endian", () => {
  const bptr: Bptr = { hash: noise(32), start: 0x102, end: 0xa0b, depth: 3 }
  const encoded = encodeBptr(bptr)
  assert.equal(encoded.length, 44)
  assert.deepEqual([...encoded.subarray(32)], [0, 0, 1, 2, 0, 0, 0xa, 0xb, 0, 0, 0, 3])
  assert.deepEqual(decodeBptr(encoded), bptr)
  assert.deepEqual(bptrFromHex(bptrToHex(bptr)), bptr)
  for (const bad of [{ start: 5, end: 5 }, { end: BLOCK_BYTES + 1 }, { depth: 17 }]) {
    assert.equal(decodeBptr(encodeBptr({ ...bptr, ...bad })), undefined)
  }
  assert.equal(decodeBptr(encoded.subarray(0, 43)), undefined)
  for (const text of ["", "00", bptrToHex(bptr).slice(1), `${bptrToHex(bptr)}0`, "x".repeat(88)]) {
    assert.equal(bptrFromHex(text), undefined)
  }
})

test("data of any length comes back, and tails share blocks", () =>
  inStore((store) =>
    Effect.gen(function* () {
      const writer = new BlockWriter(keys)
      const lengths = [0, 1, 100, 65_471, 65_472, 65_473, 131_008, 131_009, 200_000, 1_500_000, 7, 8, 9]
      const places = lengths.map((length) => write(writer, noise(length, length)))
      completeAll(writer)
      const blocks = new Set(places.map((place) => blockObject(place().hash)))
      assert.ok(blocks.size < lengths.length)
      yield* stored(store, writer)
      for (const [i, place] of places.entries()) {
        const bptr = place()
        assert.equal(bptr.depth, lengths[i]! + 64 > BLOCK_BYTES ? 1 : 0, `${lengths[i]} bytes`)
        assert.ok(Buffer.from(noise(lengths[i]!, lengths[i])).equals(yield* read(store, bptr, lengths[i])))
        if (lengths[i]! > 0) {
          const error = yield* Effect.flip(read(store, bptr, lengths[i]! - 1))
          assert.match((error as Error).message, /holds more than/)
        }
      }
    })
  ))

test("appending makes another block, and the older one stays", () => {
  const writer = new BlockWriter(keys)
  const first = write(writer, noise(1000))
  writer.completePartial()
  const [before] = writer.take()
  const second = write(writer, noise(2000))
  writer.completePartial()
  assert.notDeepEqual(first().hash, second().hash)
  assert.deepEqual(first().hash, before!.hash)
})

test("lists of lists can be read, to any depth", () =>
  inStore((store) =>
    Effect.gen(function* () {
      const writer = new BlockWriter(keys)
      const data = noise(1500)
      const envelope = encodeEnvelope(keys, data)
      const hash = writer.addBlock(envelope)
      // An address for every byte makes 68 KB of addresses, so their list has a list. And a list of one address.
      const each = Array.from(envelope, (_, i) => encodeBptr({ hash, start: i, end: i + 1, depth: 0 }))
      const place = write(writer, concat(each), 1)
      const once = write(writer, encodeBptr({ hash, start: 0, end: envelope.length, depth: 0 }), 1)
      completeAll(writer)
      yield* stored(store, writer)
      assert.deepEqual([place().depth, once().depth], [2, 1])
      for (const bptr of [place(), once()]) assert.deepEqual(yield* read(store, bptr, 1500), data)
      const reader = new BlockReader(store, keys)
      assert.equal((yield* Stream.runCollect(reader.blockHashes(place()))).length, 1 + 2 + 1564)

      // The addresses of a list must have the right depth, and the last one must be complete.
      const wrong = [
        write(writer, encodeBptr({ hash, start: 0, end: 9, depth: 1 }), 1),
        write(writer, encodeBptr({ hash, start: 9, end: 9, depth: 0 }), 1),
        write(writer, noise(45), 1),
        write(writer, concat([encodeBptr({ hash, start: 0, end: envelope.length, depth: 0 }), Uint8Array.of(1)]), 1),
        write(writer, new Uint8Array(0), 1),
      ]
      completeAll(writer)
      yield* stored(store, writer)
      for (const bad of wrong) {
        const error = yield* Effect.flip(read(store, bad()))
        assert.equal((error as { reason?: string }).reason, "corrupt")
      }
    })
  ))

test("a block that was altered, lost, cut off or made longer is never used", () =>
  inStore((store) =>
    Effect.gen(function* () {
      const writer = new BlockWriter(keys)
      const place = write(writer, noise(200_000))
      completeAll(writer)
      const blocks = writer.take()
      for (const { bytes, hash } of blocks) {
        const name = blockObject(hash)
        const others: ReadonlyArray<readonly [Uint8Array | undefined, RegExp]> = [
          [bytes.map((byte, i) => i === 9 ? byte ^ 1 : byte), /altered|damaged/],
          [bytes.slice(0, -9), /truncated|altered/],
          [new Uint8Array(0), /truncated|altered/],
          [concat([bytes, new Uint8Array(BLOCK_BYTES)]), /longer|altered/],
          [undefined, /missing/],
        ]
        for (const [other, says] of others) {
          for (const block of blocks) yield* store.put(blockObject(block.hash), [block.bytes], { replace: true })
          if (other === undefined) yield* store.remove(name)
          else yield* store.put(name, [other], { replace: true })
          const result = yield* Effect.result(read(store, place(), 200_000))
          if (result._tag === "Success") {
            // A longer object is harmless if the block is read by its length: the bytes behind it are not read.
            assert.ok(other !== undefined && other.length > bytes.length)
            continue
          }
          const { message, object, reason } = result.failure as { message: string; object?: string; reason: string }
          assert.deepEqual([reason, object], ["corrupt", name])
          assert.match(message, says)
        }
      }
      // A block with its padding, as other programs may store it, is the same block.
      for (const { bytes, hash } of blocks) {
        const padded = new Uint8Array(BLOCK_BYTES)
        padded.set(bytes)
        yield* store.put(blockObject(hash), [padded], { replace: true })
      }
      assert.deepEqual(yield* read(store, place(), 200_000), noise(200_000))
    })
  ))
