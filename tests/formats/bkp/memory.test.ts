/** The memory of a backup does not grow with the amount of data that it stores. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../../formats/bkp/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { options } from "./harness.ts"

const MIB = 1 << 20
const FILES = 4_000
const FILE_BYTES = 10_000
/**
 * The writer holds back 8 MiB of small chunks here. A unit of work and what was read ahead come on top.
 */
const WINDOW = 8 * MIB
const BOUND = WINDOW + 20 * MIB

it(`at most ${BOUND / MIB} MiB of ${FILES} small files are read and not yet stored`, () =>
  runFormat(Effect.gen(function* () {
    const kept = yield* memoryStore.make()
    let produced = 0
    let stored = 0
    let most = 0
    const store: ObjectStore = {
      ...kept,
      put: (name, parts, how) => {
        if (!name.startsWith("blocks/")) return kept.put(name, parts, how)
        for (const part of parts) stored += part.length
        return Effect.void
      },
    }
    const repository = yield* Effect.provideService(makeBkp({ windowBytes: WINDOW }).create({}), ObjectStore, store)
    const tree = function* (): Generator<Entry, void> {
      const piece = noise(FILE_BYTES, 1)
      const words = new Uint32Array(piece.buffer)
      for (let n = 0; n < FILES; n++) {
        if (n % 100 === 0) yield { path: `d${n / 100}`, kind: "directory", metadata: {}, size: 0 }
        for (let i = 0; i < words.length; i++) words[i] = Math.imul(words[i]! ^ (n + i), 2654435761)
        const content = piece.slice()
        produced += content.length
        most = Math.max(most, produced - stored)
        yield { path: `d${Math.floor(n / 100)}/${n}`, kind: "file", metadata: {}, size: content.length, content }
      }
    }
    const summary = yield* repository.backup(Stream.fromIteratorSucceed(tree(), 64), options)
    assert.equal(summary.bytesAdded, FILES * FILE_BYTES)
    assert.ok(most < BOUND, `${most} bytes were held`)
  })))
