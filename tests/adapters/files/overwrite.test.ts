/** What a restore with `overwrite` does to things that only a file system has. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { it } from "node:test"
import { Effect } from "effect"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { skipIf } from "../../skip.ts"
import { file, writeEntries } from "../../suites/target.ts"
import { temporaryDirectory } from "./plant.ts"

const target = localTarget.make()
const then = 1_600_000_000_000_000_000n
const windows = process.platform === "win32" && "Windows has no modes"

/** A directory with one file in it, of which `entry` is to be trusted. */
const planted = (mode: number, body: (at: string, entry: Entry) => Effect.Effect<void, unknown>) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const at = yield* temporaryDirectory
    fs.writeFileSync(`${at}/f`, "theirs", { mode: 0o600 })
    fs.utimesSync(`${at}/f`, 1_600_000_000, 1_600_000_000)
    yield* body(at, file("f", "ours!!", { metadata: { mode, mtime: then } }))
  })))
const written = (at: string, entry: Entry) =>
  Effect.map(writeEntries(target, at, [entry], { overwrite: "if-changed" }), ([result]) => result!.outcome)
const look = (at: string, name = "f") => {
  const { ino, mode } = fs.statSync(`${at}/${name}`)
  return { ino, mode: mode & 0o7777, text: fs.readFileSync(`${at}/${name}`, "utf8") }
}

it(
  ...skipIf(windows, "a trusted file gets its mode in place, and is then unchanged"),
  () =>
    planted(0o640, (at, entry) =>
      Effect.gen(function* () {
        const { ino } = look(at)
        assert.equal(yield* written(at, entry), "written")
        assert.deepEqual(look(at), { ino, mode: 0o640, text: "theirs" })
        assert.equal(yield* written(at, entry), "unchanged")
      })),
)

it(
  ...skipIf(windows, "a file that would get setuid is not trusted"),
  () =>
    planted(0o4755, (at, entry) =>
      Effect.gen(function* () {
        const own = { ...entry, metadata: { ...entry.metadata, uid: process.getuid!(), gid: process.getgid!() } }
        assert.equal(yield* written(at, own), "written")
        assert.deepEqual({ ...look(at), ino: 0 }, { ino: 0, mode: 0o4755, text: "ours!!" })
      })),
)

it(
  ...skipIf(windows, "the other name of a trusted file keeps its mode"),
  () =>
    planted(0o640, (at, entry) =>
      Effect.gen(function* () {
        fs.linkSync(`${at}/f`, `${at}/other`)
        assert.equal(yield* written(at, entry), "written")
        assert.deepEqual({ ...look(at, "other"), ino: 0 }, { ino: 0, mode: 0o600, text: "theirs" })
        assert.equal(look(at).mode, 0o640)
      })),
)

it(
  ...skipIf(windows, "hard links to a trusted file are made again without reading it"),
  () =>
    planted(0o600, (at, entry) =>
      Effect.gen(function* () {
        const unread = { open: () => assert.fail("The content was read") }
        const entries: ReadonlyArray<Entry> = [{ ...entry, content: unread }, {
          ...entry,
          path: "g",
          linkTo: "f",
          content: unread,
        }]
        const results = yield* writeEntries(target, at, entries, { overwrite: "if-changed" })
        assert.deepEqual(results.map(({ outcome }) => outcome), ["unchanged", "written"])
        assert.equal(look(at, "g").ino, look(at).ino)
      })),
)
