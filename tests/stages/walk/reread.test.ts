/** Files that change while they are read. */
import assert from "node:assert/strict"
import { test } from "node:test"
import * as Effect from "effect/Effect"
import { CHANGED_TWICE, metadataAsRead, readUntilUnchanged } from "../../../stages/walk/reread.ts"

/** Reads in an Effect; `changes` says of each read whether the file changed. Gives the result and all `last` flags. */
const read = (changes: ReadonlyArray<boolean>) => {
  const flags: Array<boolean> = []
  const program = Effect.gen(function* () {
    return yield* readUntilUnchanged((last) =>
      Effect.sync(() => {
        flags.push(last)
        return { changed: changes[flags.length - 1]!, read: flags.length }
      })
    )
  })
  return { flags, result: Effect.runSync(program) }
}

test("a file that does not change is read once", () => {
  assert.deepEqual(read([false]), { flags: [false], result: { changed: false, read: 1 } })
})

test("a file that changes is read once more, and no more than that", () => {
  assert.deepEqual(read([true, false]), { flags: [false, true], result: { changed: false, read: 2 } })
  assert.deepEqual(read([true, true]), { flags: [false, true], result: { changed: true, read: 2 } })
})

test("a synchronous generator pauses where the read pauses", () => {
  let reads = 0
  const steps = readUntilUnchanged(function* () {
    yield `read ${++reads}`
    return { changed: reads === 1 }
  })
  assert.deepEqual([...steps], ["read 1", "read 2"])
})

test("a file that changed keeps its metadata from before, so that the next backup reads it again", () => {
  const entry = { metadata: { mtime: 1n, inode: 5n } }
  assert.deepEqual(metadataAsRead(entry, { changed: false, metadata: { mtime: 2n } }), {
    metadata: { mtime: 2n, inode: 5n },
  })
  assert.deepEqual(metadataAsRead(entry, { changed: true, metadata: { mtime: 2n } }), {
    metadata: { mtime: 1n, inode: 5n },
    warning: CHANGED_TWICE,
  })
})
