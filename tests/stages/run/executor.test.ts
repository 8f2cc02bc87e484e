/** The executor without threads gives back the content that is lent to it. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { fixed } from "../../../stages/chunk/fixed.ts"
import { inline } from "../../../stages/run/executor.ts"
import { blake3 } from "../../../stages/hash/blake3.ts"
import { Lender } from "../../../stages/memory/lent.ts"
import type { Block } from "../../../stages/run/block.ts"
import type { Plan } from "../../../stages/plan/plan.ts"
import { noise } from "../../suites/noise.ts"

const SIZE = 300_000
const plan: Plan = [fixed({ size: 64 << 10 }), blake3]

const store = (pieces: ReadonlyArray<Uint8Array>) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const blocks: Array<Block> = []
    const run = yield* inline.start({
      plan,
      onRead: () => {},
      blockBytes: 1 << 20,
      claim: () => true,
      emit: (given) => Effect.sync(() => void blocks.push(...given)),
    })
    const content = Stream.fromIterable(pieces)
    const [stored] = yield* run([{ path: "a", kind: "file", metadata: {}, size: undefined, content, plan }])
    return { chunks: stored!.chunks, size: stored!.size, blocks }
  })))

it("frees the pieces of a stream that are lent, after it stored them, and no others", async () => {
  const kept = [1, 2, 3].map((seed) => noise(SIZE, seed))
  const copies = kept.map((piece) => piece.slice())
  const given = copies.map((piece) => new Lender(piece, true).lend(piece))
  assert.deepEqual(await store(given), await store(kept))
  for (const piece of given) assert.equal(piece.length, 0)
  for (const piece of kept) assert.equal(piece.length, SIZE)
})
