/** Modification times that a runtime, format or file system cannot hold. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { compareOnly } from "../../../adapters/files/target/compare.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { Target } from "../../../stages/walk/target.ts"
import { write } from "../../../stages/walk/write.ts"
import { skipIf } from "../../skip.ts"
import { readContent } from "../../suites/source.ts"
import { file, writeEntries } from "../../suites/target.ts"
import { temporaryDirectory } from "./plant.ts"

const source = localSource.make()
const deno = "Deno" in globalThis
const SECOND = 1_000_000_000n
/** Seconds since 1970 by `stat`, which knows all of them. */
const secondsOf = (path: string): bigint =>
  BigInt(execFileSync("stat", ["-c", "%Y", "--", path], { encoding: "utf8" }).trim())

/** A directory of a file system in memory, which holds seconds of 64 bits. */
const anyTime = (() => {
  try {
    const at = fs.mkdtempSync("/dev/shm/penstock-test-")
    try {
      execFileSync("touch", ["-d", "@9000000000000000", `${at}/x`], { stdio: "ignore" })
      return secondsOf(`${at}/x`) === 9_000_000_000_000_000n
    } finally {
      fs.rmSync(at, { recursive: true })
    }
  } catch {
    return false
  }
})()
const inMemory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync("/dev/shm/penstock-test-")),
  (at) => Effect.sync(() => fs.rmSync(at, { recursive: true, force: true })),
)
const without = !anyTime && "no file system here has times of all years"

/** The last two are beyond the dates of JavaScript. */
const times = [
  -62_135_596_800n,
  -9_300_000_000n,
  9_300_000_000n,
  32_503_680_000n,
  8_640_000_000_001n,
  -9_000_000_000_000n,
]

describe("times before 1970", () => {
  it("come back to the millisecond, where seconds as a double would round to another one", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const root = yield* temporaryDirectory
      const entries = [-540_730_075_238n, -34_159_908_119n, -1_086_620_510_344n, -1n, -999n, -1001n].flatMap(
        (ms, i) => {
          const metadata = { mtime: ms * 1_000_000n }
          return [file(`f${i}`, "text", { metadata }), { path: `x${i}`, kind: "directory" as const, metadata, size: 0 }]
        },
      )
      yield* writeEntries(localTarget.make(), root, entries)
      for (const { metadata, path } of entries) {
        const off = fs.statSync(`${root}/${path}`, { bigint: true }).mtimeNs - metadata.mtime!
        assert.ok(off > -1000n && off < 1000n, `${path}: ${off} ns off`)
      }
    }))))
})

describe("times far from now", () => {
  it(
    ...skipIf(without, "are read exactly, or reported; no file is left out"),
    () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const base = yield* inMemory
        for (const [i, seconds] of times.entries()) {
          fs.writeFileSync(`${base}/f${i}`, `text ${i}`)
          fs.mkdirSync(`${base}/x${i}`)
          for (const name of [`f${i}`, `x${i}`]) execFileSync("touch", ["-d", `@${seconds}`, `${base}/${name}`])
        }
        // Only the time of the last access is unusual.
        fs.writeFileSync(`${base}/read`, "text")
        execFileSync("touch", ["-a", "-d", "@8640000000001", `${base}/read`])
        const entries = yield* Stream.runCollect(source.entries(base, {}))
        assert.deepEqual(entries.filter(({ kind }) => kind === "unreadable"), [])
        assert.equal(entries.length, 2 + 2 * times.length)
        for (const { content, lost, metadata, path } of entries) {
          if (content !== undefined) yield* Effect.promise(() => readContent(content))
          const seconds = path === "" ? undefined : times[Number(path.slice(1))]
          const untold = deno && seconds !== undefined &&
            (seconds > 8_640_000_000_000n || seconds < -8_640_000_000_000n)
          assert.equal(lost !== undefined, untold, path)
          if (untold) assert.equal(metadata.mtime, undefined)
          else if (seconds !== undefined) assert.equal(metadata.mtime, seconds * SECOND, path)
        }
      }))),
  )

  it(
    ...skipIf(without, "come back if the file system can hold them, and the files count as unchanged"),
    () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const base = yield* inMemory
        // Also the first and the last time of 64 bits: neither stands for "none".
        const all = [...times.slice(0, 4), -9_223_372_036n, 9_223_372_036n].map((seconds) => seconds * SECOND)
        const exact = [-(2n ** 63n), 2n ** 63n - 1n]
        const entries = [...all, ...exact].flatMap((mtime, i): ReadonlyArray<Entry> => [
          file(`f${i}`, "text", { metadata: { mtime } }),
          { path: `l${i}`, kind: "symlink", metadata: { mtime }, size: 0, target: "x" },
          { path: `x${i}`, kind: "directory", metadata: { mtime }, size: 0 },
        ])
        for (const threadAfter of [Infinity, 0]) {
          const target = localTarget.make({ threadAfter })
          const root = `${base}/${threadAfter}`
          assert.deepEqual((yield* writeEntries(target, root, entries)).filter((result) => "message" in result), [])
          const again = yield* writeEntries(target, root, entries)
          assert.deepEqual(again.filter(({ outcome }) => outcome === "failed"), [])
          for (const { metadata, path } of entries) {
            const off = secondsOf(`${root}/${path}`) - metadata.mtime! / SECOND
            assert.ok(off >= -1n && off <= 1n, `${path}: ${off} s off`)
          }
        }
      }))),
  )

  it("are reported every time if the file system stored another time; the entries count as restored", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const base = yield* temporaryDirectory
      const mtime = 60_000_000_000n * SECOND
      const entries: ReadonlyArray<Entry> = [
        { path: "d", kind: "directory", metadata: { mtime }, size: 0 },
        file("d/f", "text", { metadata: { mtime } }),
        { path: "d/l", kind: "symlink", metadata: { mtime }, size: 0, target: "x" },
      ]
      for (const threadAfter of [Infinity, 0]) {
        const root = `${base}/${threadAfter}`
        for (const run of [1, 2]) {
          // The results of a dry run.
          const said = yield* Effect.scoped(
            Effect.flatMap(compareOnly(root, {}), (session) => session.write(entries)),
          )
          const { losses, problems, unchanged, written } = yield* write(root)(Stream.fromIterable(entries)).pipe(
            Effect.provideService(Target, localTarget.make({ threadAfter })),
          )
          // Some file systems hold it.
          const kept = secondsOf(`${root}/d/f`) === 60_000_000_000n
          assert.deepEqual(problems, [])
          assert.equal(written + unchanged, 3)
          assert.equal(said.filter(({ outcome }) => outcome === "written").length, written)
          assert.equal(written, run === 2 && kept ? 0 : 3)
          assert.deepEqual(losses.map(({ path }) => path).sort(), kept ? [] : ["d", "d/f", "d/l"])
          for (const { lost } of losses) assert.match(lost, /file system cannot hold its modification time/)
        }
      }
    }))))
})
