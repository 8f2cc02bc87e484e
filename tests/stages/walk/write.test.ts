import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Exit, Stream } from "effect"
import { Lender } from "../../../stages/memory/lent.ts"
import type { Content, Entry } from "../../../stages/walk/entry.ts"
import { memoryTarget } from "../../../stages/walk/memory_target.ts"
import { Target } from "../../../stages/walk/target.ts"
import { write, type WriteObserver, type WriteSummary } from "../../../stages/walk/write.ts"

const file = (path: string, content: Content, size: number): Entry => ({
  path,
  kind: "file",
  metadata: {},
  size,
  content,
})

/** Writes entries to memory. Gives the tree, the summary, and when the target was opened. */
const writeAll = async (entries: Stream.Stream<Entry, unknown>, observer: WriteObserver = {}) => {
  const target = memoryTarget()
  let opened = 0
  const counting: Target = { ...target, open: (...args) => Effect.suspend(() => (opened++, target.open(...args))) }
  const exit = await Effect.runPromiseExit(
    Effect.provideService(write("root", { observer })(entries), Target, counting) as Effect.Effect<WriteSummary>,
  )
  return { exit, opened: () => opened, tree: target.tree }
}

describe("write", () => {
  it("gives back lent contents, and no others", async () => {
    const memory = new Uint8Array(100_000).fill(7)
    const lender = new Lender(memory, true)
    lender.hold()
    const lent = lender.lend(memory.subarray(0, 50_000))
    const own = new Uint8Array(100_000).fill(8)
    const entries = Stream.make(file("lent", lent, 50_000), file("own", own, 100_000))
    lender.drop()
    const { exit, tree } = await writeAll(entries)
    assert.deepEqual(
      exit,
      Exit.succeed({
        ...{ written: 2, unchanged: 0, kept: 0, verified: 0, bytes: 150_000 },
        ...{ losses: [], problems: [] },
      }),
    )
    assert.equal(memory.length, 0)
    assert.equal(own.length, 100_000)
    assert.deepEqual(tree["root/lent"], { content: new Uint8Array(50_000).fill(7) })
  })

  it("tells the observer of entries, of bytes of large contents, and of results", async () => {
    const told: Array<unknown> = []
    const stream = Stream.make(new Uint8Array(3), new Uint8Array(2))
    const entries = Stream.make(
      file("small", new Uint8Array(4), 4),
      file("large", stream, 5),
      file("../out", new Uint8Array(0), 0),
    )
    const { exit } = await writeAll(entries, {
      writing: (all) => void told.push(["writing", ...all.map(({ path }) => path)]),
      content: ({ path }, bytes) => void told.push([path, bytes]),
      written: (all, results) => void told.push(["written", all.length, ...results.map(({ outcome }) => outcome)]),
      finished: (results) => void told.push(["finished", ...results]),
    })
    assert.deepEqual(told, [
      ["writing", "small", "large", "../out"],
      ["large", 3],
      ["large", 2],
      ["written", 3, "written", "written", "failed"],
      ["finished"],
    ])
    assert.ok(Exit.isSuccess(exit))
    assert.deepEqual(exit.value.problems.map(({ path }) => path), ["../out"])
    assert.equal(exit.value.bytes, 9)
  })

  it("opens the target for the first entry, or at the end, but not for a stream that fails before", async () => {
    const failed = await writeAll(Stream.fail("no"))
    assert.deepEqual([failed.exit, failed.opened()], [Exit.fail("no"), 0])
    assert.equal((await writeAll(Stream.empty)).opened(), 1)
    const late = await writeAll(Stream.concat(Stream.make(file("a", new Uint8Array(1), 1)), Stream.fail("no")))
    assert.deepEqual([late.exit, late.opened()], [Exit.fail("no"), 1])
  })
})
