import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { SqliteError } from "../../../stages/catalog/sqlite/sqlite.ts"
import { plan } from "../../../stages/plan/plan.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { type Earlier, reuse, reuseListed } from "../../../stages/catalog/reuse.ts"

const started = 1_600_000_000_000
const old = BigInt(started - 60_000) * 1_000_000n
const chunks = new Uint8Array(36).fill(1)

/** Whether a file counts as unchanged. */
const unchanged = async (now: Partial<Entry>, before: Partial<Earlier> | undefined): Promise<boolean> => {
  const base = { path: "a", kind: "file" as const, size: 5, metadata: { mtime: old, ctime: old, inode: 7n } }
  const [entry] = await Effect.runPromise(Stream.runCollect(
    reuse((path) => path === "a" && before !== undefined ? { ...base, chunks, ...before } : undefined, started)(
      plan(Stream.succeed<Entry>({ ...base, ...now })),
    ),
  ))
  if (entry!.known !== undefined) assert.equal(entry!.known, chunks)
  return entry!.known !== undefined
}

test("a file is unchanged when all its metadata is the same and older than the snapshot", async () => {
  assert.equal(await unchanged({}, {}), true)
  assert.equal(await unchanged({}, undefined), false)
  assert.equal(await unchanged({ path: "b" }, {}), false)
  assert.equal(await unchanged({ size: 6 }, {}), false)
  assert.equal(await unchanged({ size: undefined }, {}), false)
  assert.equal(await unchanged({}, { kind: "symlink" }), false)
  assert.equal(await unchanged({ kind: "symlink" }, {}), false)
})

test("each time and the inode count, even when one side does not know them", async () => {
  const both = async (metadata: Entry["metadata"], before = metadata) =>
    await unchanged({ metadata }, { metadata: before })
  assert.equal(await both({ mtime: old }), true)
  assert.equal(await both({ mtime: old, mode: 0o600 }, { mtime: old, mode: 0o644 }), true, "its content is the same")
  assert.equal(await both({}), false, "without a time nothing is known")
  assert.equal(await both({ mtime: old + 1n }, { mtime: old }), false)
  assert.equal(await both({ mtime: old, ctime: old }, { mtime: old }), false)
  assert.equal(await both({ mtime: old, ctime: old + 1n }, { mtime: old, ctime: old }), false)
  assert.equal(await both({ mtime: old, inode: 1n }, { mtime: old, inode: 2n }), false)
})

test("a file that changed while the snapshot was made is read again, because its times may not show it", async () => {
  const start = BigInt(started) * 1_000_000n
  const at = async (time: bigint) => await unchanged({ metadata: { mtime: time } }, { metadata: { mtime: time } })
  assert.equal(await at(start), false)
  assert.equal(await at(start + 1_000_000_000n), false)
  assert.equal(await at(start - 1_000_000n), false, "clocks of file systems tick some milliseconds apart")
  assert.equal(await at(start - 100_000_000n), true)
  assert.equal(await at(start - 1_000_000_000n), false, "a time without a fraction may be that of a clock of seconds")
  assert.equal(await at(start - 2_000_000_000n), true)
  const set = { mtime: start + 10n ** 18n, ctime: old }
  assert.equal(await unchanged({ metadata: set }, { metadata: set }), true, "the time of change cannot be set")
})

test("a file whose entry in the earlier catalog is damaged is read again; any other error is a defect", async () => {
  const looked = (error: Error) =>
    Effect.runPromise(Stream.runCollect(
      reuse(() => {
        throw error
      }, started)(plan(Stream.succeed<Entry>({ path: "a", kind: "file", size: 5, metadata: { mtime: old } }))),
    ))
  const [entry] = await looked(new SqliteError({ reason: "corrupt", message: "damaged" }))
  assert.equal(entry!.known, undefined)
  await assert.rejects(looked(new TypeError("a bug")), TypeError)
})

test("a listing is asked for once for each directory, and fields that it lacks are not compared", async () => {
  const asked: Array<string> = []
  const second = 1_000_000_000n
  const files = new Map<string, Earlier>([
    ["x", { path: "", kind: "file", size: undefined, metadata: { mtime: old - old % second }, chunks }],
    ["y", { path: "", kind: "file", size: 5, metadata: { mtime: old - second }, chunks }],
  ])
  const metadata = { mtime: old, ctime: old, inode: 7n }
  const entries = ["a/x", "a/y", "a/z", "x"].map((path): Entry => ({ path, kind: "file", size: 5, metadata }))
  const marked = await Effect.runPromise(Stream.runCollect(
    reuseListed(
      (directory) => {
        asked.push(directory)
        return Effect.succeed(directory === "a" ? files : new Map<string, Earlier>())
      },
      started,
      second,
    )(plan(Stream.fromIterable(entries))),
  ))
  assert.deepEqual(marked.map(({ known }) => known === chunks), [true, false, false, false])
  assert.deepEqual(asked, ["a", ""])
  const late = { mtime: old, ctime: BigInt(started) * 1_000_000n }
  const [changed] = await Effect.runPromise(Stream.runCollect(
    reuseListed(() => Effect.succeed(files), started, second)(plan(Stream.make({ ...entries[0]!, metadata: late }))),
  ))
  assert.equal(changed!.known, undefined, "it may have changed since the listing was made")
})

test("times of a listing are compared to the nanosecond, unless it has coarser ones", async () => {
  const known = (resolution?: bigint) =>
    Effect.runPromise(
      Stream.make<[Entry]>({ path: "a", kind: "file", size: 5, metadata: { mtime: old + 1n } }).pipe(
        plan,
        reuseListed(
          () => Effect.succeed(new Map([["a", { path: "", kind: "file", size: 5, metadata: { mtime: old }, chunks }]])),
          started,
          resolution,
        ),
        Stream.runCollect,
        Effect.map(([entry]) => entry!.known),
      ),
    )
  assert.equal(old % 2n, 0n)
  assert.equal(await known(), undefined)
  assert.equal(await known(2n), chunks)
})
