/** A dry run says what the restore then does, whatever is in the target. */
import assert from "node:assert/strict"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { TargetError } from "../../../stages/walk/errors.ts"
import { compareOnly } from "../../../adapters/files/target/compare.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import type { TargetOptions, TargetSession } from "../../../stages/walk/target.ts"
import { skipIf } from "../../skip.ts"

const mtime = 1_700_000_000_000_000_000n
const big = new Uint8Array(3 << 20).fill(7)
const file = (path: string, content: Entry["content"], size: number, more: Partial<Entry> = {}): Entry => ({
  path,
  kind: "file",
  metadata: { mode: 0o644, mtime },
  size,
  content: content!,
  ...more,
})
const directory = (path: string): Entry => ({ path, kind: "directory", metadata: { mode: 0o755, mtime }, size: 0 })
const text = (path: string, content = path): Entry => file(path, new TextEncoder().encode(content), content.length)

const entries: ReadonlyArray<Entry> = [
  directory(""),
  text("a"),
  file("big", Stream.make(big.subarray(0, 1 << 20), big.subarray(1 << 20)), big.length),
  text("linked"),
  { ...text("link", "linked"), linkTo: "linked" },
  { path: "symlink", kind: "symlink", metadata: { mtime }, size: 0, target: "a" },
  { path: "fifo", kind: "fifo", metadata: { mode: 0o600, mtime }, size: 0 },
  { path: "socket", kind: "socket", metadata: {}, size: 0 },
  { path: "null", kind: "character", metadata: { mode: 0o600 }, size: 0, rdev: { major: 1, minor: 3 } },
  directory("d"),
  text("d/b"),
  directory("d/e"),
  text("d/e/c"),
  // The directory of this one has no entry.
  text("implied/f"),
]

const outcomes = async (open: Effect.Effect<TargetSession, TargetError, Scope.Scope>): Promise<ReadonlyArray<string>> =>
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const session = yield* open
    const all = [...yield* session.write(entries.slice(0, 5)), ...yield* session.write(entries.slice(5))]
    yield* session.finish
    return all.map((one) => `${one.path}: ${one.outcome}${"message" in one ? ` ${one.message}` : ""}`)
  })))

/** Every kind of change to a restored tree, and the number of entries that would be written then. */
const changes: ReadonlyArray<readonly [what: string, change: (at: (name: string) => string) => void, written: number]> =
  [
    ["nothing", () => {}, 0],
    ["other content of the same size", (at) => writeFileSync(at("a"), "b"), 1],
    ["other content late in a large file", (at) => {
      const other = big.slice()
      other[other.length - 1] = 1
      writeFileSync(at("big"), other)
    }, 1],
    ["another size", (at) => writeFileSync(at("d/b"), "longer than before"), 1],
    ["another time only", (at) => utimesSync(at("a"), 1, 1), 1],
    ["another mode only", (at) => chmodSync(at("a"), 0o600), 1],
    ["another time of a file with two names", (at) => utimesSync(at("link"), 1, 1), 2],
    ["other content of a file with two names", (at) => writeFileSync(at("link"), "LINKED"), 2],
    ["a link that is a file of its own", (at) => {
      unlinkSync(at("link"))
      writeFileSync(at("link"), "linked")
    }, 1],
    ["a missing link", (at) => unlinkSync(at("link")), 1],
    ["another symlink", (at) => {
      unlinkSync(at("symlink"))
      symlinkSync("b", at("symlink"))
    }, 1],
    ["a symlink in the place of a file", (at) => {
      unlinkSync(at("a"))
      symlinkSync("big", at("a"))
    }, 1],
    ["a directory that is gone", (at) => rmSync(at("d"), { recursive: true }), 4],
    ["a file in the place of a directory", (at) => {
      rmSync(at("d"), { recursive: true })
      writeFileSync(at("d"), "")
    }, 4],
    ["a symlink in the place of a directory", (at) => {
      rmSync(at("d"), { recursive: true })
      symlinkSync("implied", at("d"))
    }, 4],
    ["a symlink in the place of a directory without an entry", (at) => {
      rmSync(at("implied"), { recursive: true })
      symlinkSync("d", at("implied"))
    }, 0],
    ["an empty directory in the place of a file", (at) => {
      unlinkSync(at("a"))
      mkdirSync(at("a"))
    }, 1],
    ["a full directory in the place of a file", (at) => {
      unlinkSync(at("a"))
      mkdirSync(at("a/x"), { recursive: true })
    }, 0],
    ["more than there was", (at) => writeFileSync(at("more"), ""), 0],
    ["nothing at all", (at) => rmSync(at("."), { recursive: true }), 11],
  ]

const noFifos = process.platform === "win32" && "Windows has neither fifos nor modes"

const overwrites = ["always", "if-changed", "if-newer", "never"] as const

test(...skipIf(noFifos, "the results match those of the restore, and nothing is written"), async () => {
  for (
    const [[what, change, written], overwrite] of changes.flatMap((one) => overwrites.map((w) => [one, w] as const))
  ) {
    const top = mkdtempSync(join(tmpdir(), "penstock-compare-"))
    const at = (name: string): string => join(top, "target", name)
    try {
      await restoreAll(at("."), {})
      change(at)
      const before = existsSync(at(".")) ? listing(at(".")) : undefined
      const said = await outcomes(compareOnly(at("."), { overwrite }))
      assert.deepEqual(existsSync(at(".")) ? listing(at(".")) : undefined, before, what)
      assert.deepEqual(said, await restoreAll(at("."), { overwrite }), `${what}, ${overwrite}`)
      if (overwrite !== "always") continue
      assert.equal(said.filter((one) => one.endsWith(": written")).length, written, `${what}: ${said.join(", ")}`)
    } finally {
      rmSync(top, { recursive: true, force: true })
    }
  }
})

const restoreAll = (root: string, options: TargetOptions): Promise<ReadonlyArray<string>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const session = yield* localTarget.make({ threadAfter: Infinity }).open(root, options)
    return yield* Effect.promise(() => outcomes(Effect.succeed(session)))
  })))

const listing = (root: string): ReadonlyArray<string> =>
  (readdirSync(root, { recursive: true }) as Array<string>).sort().map((name) => {
    const { ctimeMs, ino, mode, mtimeMs, size } = lstatSync(join(root, name))
    return [name, ctimeMs, ino, mode, mtimeMs, size].join(" ")
  })
