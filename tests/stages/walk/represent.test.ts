import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { type Fidelity, treeFidelity, wholeFidelity } from "../../../stages/walk/fidelity.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { Losses, lossesBetween, represent } from "../../../stages/walk/represent.ts"

const poor: Fidelity = {
  kinds: ["file", "directory"],
  mode: "execute",
  owner: false,
  mtime: 1_000_000_000,
  mtimeFrom: 0n,
  hardlinks: false,
  sparse: false,
  byteNames: false,
}

const file = (path: string, rest: Partial<Entry> = {}): Entry => ({
  path,
  kind: "file",
  metadata: {},
  size: 0,
  ...rest,
})

const through = async (fidelity: Fidelity, ...entries: ReadonlyArray<Entry>) => {
  const losses = new Losses()
  const out = await Effect.runPromise(Stream.runCollect(represent(fidelity, losses)(Stream.fromIterable(entries))))
  return { out, losses: losses.all }
}

test("an entry that is kept completely stays the same", async () => {
  const entries = [file("a", { linkTo: "b", sparse: true, metadata: { uid: 1, mode: 0o4711, mtime: -1n } })]
  assert.deepEqual(await through(wholeFidelity, ...entries), { out: entries, losses: [] })
  const plain = [file("a", { metadata: { mode: 0o755, mtime: 5_000_000_000n } })]
  assert.deepEqual(await through(poor, ...plain), { out: plain, losses: [] })
})

test("an entry that cannot be kept becomes unreadable, and says why", async () => {
  const { out } = await through(
    poor,
    { path: "p", kind: "fifo", metadata: {}, size: 0 },
    file("d\udcff/x", { content: new Uint8Array(1), size: 1 }),
  )
  assert.deepEqual(out.map(({ kind, content, size }) => [kind, content, size]), [
    ["unreadable", undefined, 0],
    ["unreadable", undefined, 0],
  ])
  assert.match(out[0]!.problem!, /FIFOs/)
  assert.match(out[1]!.problem!, /UTF-8/)
})

test("losses of entries are counted, with an example", async () => {
  const { out, losses } = await through(
    poor,
    file("a", { linkTo: "b", sparse: true, metadata: { uid: 1, mode: 0o600, mtime: 1n } }),
    file("b", { metadata: { uid: 1, mtime: -1_000_000_000n } }),
  )
  assert.equal(out[0]!.linkTo, undefined)
  assert.deepEqual(losses[0], { what: "owners", entries: 2, example: "a" })
  assert.deepEqual(losses.map(({ what }) => what.split(" (")[0]).sort(), [
    "fractions of a second of mtimes",
    "hard links",
    "holes",
    "mtimes before 1970",
    "owners",
    "permissions",
  ])
})

test("times out of bounds are counted by the year of the bound; other losses in the words of the source", async () => {
  const seconds = (n: bigint): Entry["metadata"] => ({ mtime: n * 1_000_000_000n })
  const { out, losses } = await through(
    treeFidelity,
    file("early", { metadata: seconds(-9_300_000_000n) }),
    file("late", { metadata: seconds(9_300_000_000n) }),
    file("first", { metadata: { mtime: -(2n ** 63n) } }),
    file("last", { metadata: { mtime: 2n ** 63n - 1n } }),
    file("unknown", { lost: "mtimes" }),
  )
  assert.deepEqual(losses, [
    { what: "mtimes before 1677", entries: 1, example: "early" },
    { what: "mtimes after 2262", entries: 1, example: "late" },
    { what: "mtimes", entries: 1, example: "unknown" },
  ])
  assert.deepEqual(out.at(-1), file("unknown"))
  assert.deepEqual(lossesBetween(wholeFidelity, treeFidelity), [])
})

test("the losses from one format to another are known beforehand", () => {
  assert.deepEqual(lossesBetween(wholeFidelity, wholeFidelity), [])
  assert.deepEqual(lossesBetween(poor, wholeFidelity), [])
  assert.deepEqual(lossesBetween(poor, { ...poor, mtime: undefined, mode: false }), ["permissions", "mtimes"])
  assert.equal(lossesBetween(wholeFidelity, poor).length, 12)
  assert.deepEqual(lossesBetween({ ...poor, mtime: undefined }, { ...poor, mtimeFrom: 0n }), [])
})
