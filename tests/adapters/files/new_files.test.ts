/** The metadata of new files, if the system sets another than the one that was requested. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { it } from "node:test"
import { Effect } from "effect"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { skipIf } from "../../skip.ts"
import { file, writeEntries } from "../../suites/target.ts"
import { temporaryDirectory } from "./plant.ts"

const target = localTarget.make()
const run = (body: (base: string) => void, entries: ReadonlyArray<Entry>): Promise<ReadonlyArray<fs.Stats>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const base = yield* temporaryDirectory
    body(base)
    const results = yield* writeEntries(target, base, entries)
    assert.deepEqual(results.filter(({ outcome }) => outcome !== "written"), [])
    return entries.map(({ path }) => fs.lstatSync(`${base}/${path}`))
  })))

const uid = process.getuid?.() ?? 0
const gid = process.getgid?.() ?? 0
/** Three files of each mode. The first two of a kind show how the system treats the others. */
const modes = [0o600, 0o644, 0o640, 0o666, 0o400, 0o4755, 0o2750]
const files = ["", "d/", "d/e/"].flatMap((directory): ReadonlyArray<Entry> => [
  ...(directory === ""
    ? []
    : [{ path: directory.slice(0, -1), kind: "directory", metadata: { mode: 0o755, uid, gid }, size: 0 } as const]),
  ...[1, 2, 3].flatMap((n) =>
    modes.map((mode) =>
      file(`${directory}${mode.toString(8)}-${n}`, "text", { metadata: { mode, uid, gid, mtime: 1_000_000_000n } })
    )
  ),
])
const facts = (all: ReadonlyArray<fs.Stats>) =>
  all.map((stats, i) => [files[i]!.path, (stats.mode & 0o7777).toString(8), stats.uid, stats.gid])
const wanted = files.map(({ path, metadata }) => [path, metadata.mode!.toString(8), uid, gid])

it("modes are exactly those of the entries, whatever the umask", async () => {
  for (const umask of [0o000, 0o027, 0o077]) {
    const before = process.umask(umask)
    try {
      assert.deepEqual(facts(await run(() => {}, files)), wanted)
    } finally {
      process.umask(before)
    }
  }
})

it(
  ...skipIf(uid !== 0 && "it needs root", "metadata is exact in a target that gives its group to new files"),
  async () => {
    const stats = await run((base) => {
      fs.chownSync(base, uid, gid + 1234)
      fs.chmodSync(base, 0o2775)
    }, files)
    assert.deepEqual(facts(stats), wanted)
  },
)

const acl = (() => {
  const at = fs.mkdtempSync("/tmp/penstock-acl-")
  try {
    execFileSync("setfacl", ["-d", "-m", "u:nobody:rwx,g::r-x,o::---", at], { stdio: "ignore" })
    return true
  } catch {
    return false
  } finally {
    fs.rmdirSync(at)
  }
})()

it(
  ...skipIf(
    !acl && "it needs setfacl and a file system with access lists",
    "metadata is exact in a target with a default access list",
  ),
  async () => {
    const stats = await run(
      (base) => execFileSync("setfacl", ["-d", "-m", "u:nobody:rwx,g::r-x,o::---", base]),
      files,
    )
    assert.deepEqual(facts(stats), wanted)
  },
)

it("the last of several entries of one path counts, and a full directory stays", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const base = yield* temporaryDirectory
    const directory = (path: string): Entry => ({ path, kind: "directory", metadata: { mode: 0o755 }, size: 0 })
    const results = yield* writeEntries(target, base, [
      directory("d"),
      file("d/a", "first"),
      file("d/a", "second"),
      { path: "d/l", kind: "symlink", metadata: {}, size: 0, target: "a" },
      file("d/l", "third"),
      directory("d/empty"),
      file("d/empty", "fourth"),
      directory("d/full"),
      file("d/full/x", "x"),
      file("d/full", "fifth"),
    ])
    assert.deepEqual(results.map(({ outcome }) => outcome === "failed"), [...Array(9).fill(false), true])
    assert.match(JSON.stringify(results[9]), /directory that is not empty/)
    const read = (name: string) => fs.readFileSync(`${base}/d/${name}`, "utf8")
    assert.deepEqual(["a", "l", "empty", "full/x"].map(read), ["second", "third", "fourth", "x"])
    assert.deepEqual(fs.readdirSync(`${base}/d`).sort(), ["a", "empty", "full", "l"])
  }))))
