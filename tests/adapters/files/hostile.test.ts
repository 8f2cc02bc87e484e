/** Nothing happens to files outside of the target, nor to old files in it that are not replaced. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { describe, it } from "node:test"
import { Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { file, hostile, writeEntries } from "../../suites/target.ts"
import { skipIf } from "../../skip.ts"
import { list, temporaryDirectory } from "./plant.ts"

const target = localTarget.make()
const root = process.getuid?.() === 0
const run = <A>(body: (directory: string) => Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryDirectory, body)))
const symlink = (path: string, target: string): Entry => ({ path, kind: "symlink", metadata: {}, size: 0, target })
const directory = (path: string, mode = 0o755): Entry => ({ path, kind: "directory", metadata: { mode }, size: 0 })

describe("hostile entries", () => {
  for (const [trick, entries] of hostile) {
    it(`${trick}: nothing outside changes`, () =>
      run((base) =>
        Effect.gen(function* () {
          for (const name of ["outside", "target"]) fs.mkdirSync(`${base}/${name}`)
          fs.writeFileSync(`${base}/outside/secret`, "secret")
          const before = list(`${base}/outside`)
          yield* writeEntries(target, `${base}/target`, entries)
          assert.deepEqual(list(`${base}/outside`), before)
          assert.deepEqual(fs.readdirSync(base).sort(), ["outside", "target"])
          assert.deepEqual(fs.readdirSync(`${base}/target`).filter((name) => name.startsWith(".penstock")), [])
        })
      ))
  }

  it("an old symlink is not followed, and gives way to a directory entry", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/outside`)
        fs.mkdirSync(`${base}/target`)
        for (const name of ["a", "b"]) fs.symlinkSync("../outside", `${base}/target/${name}`)
        const results = yield* writeEntries(target, `${base}/target`, [
          directory("a"),
          file("a/x", "1"),
          file("b/x", "2"),
        ])
        assert.deepEqual(results.map(({ outcome }) => outcome), ["written", "written", "failed"])
        assert.deepEqual(fs.readdirSync(`${base}/outside`), [])
        assert.ok(fs.lstatSync(`${base}/target/a`).isDirectory())
        assert.ok(fs.lstatSync(`${base}/target/b`).isSymbolicLink())
      })
    ))

  it("a file in the place of a symlink replaces the symlink, not its target", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/target`)
        fs.writeFileSync(`${base}/victim`, "mine")
        fs.symlinkSync("../victim", `${base}/target/a`)
        yield* writeEntries(target, `${base}/target`, [file("a", "mine", { metadata: { mode: 0o777, mtime: 5n } })])
        assert.ok(fs.lstatSync(`${base}/target/a`).isFile())
        assert.notEqual(fs.statSync(`${base}/victim`).mode & 0o777, 0o777)
      })
    ))

  it("a hard link to a symlink, or to an old file with other content, becomes a file of its own", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/target`)
        fs.writeFileSync(`${base}/outside`, "text")
        fs.writeFileSync(`${base}/target/mine`, "mine")
        fs.chmodSync(`${base}/target/mine`, 0o600)
        fs.utimesSync(`${base}/target/mine`, 1000, 1000)
        const metadata = { mode: 0o600, mtime: 1_000_000_000_000n }
        const results = yield* writeEntries(target, `${base}/target`, [
          symlink("s", "../outside"),
          file("t", "text", { linkTo: "s" }),
          file("u", "text", { linkTo: "mine", metadata }),
          file("v", "mine", { linkTo: "mine", metadata: { ...metadata, mode: 0o666 } }),
          file("w", "mine", { linkTo: "mine", metadata }),
        ])
        assert.deepEqual(results.map(({ outcome }) => outcome), Array(5).fill("written"))
        assert.equal(fs.statSync(`${base}/outside`).nlink, 1)
        assert.equal(fs.readFileSync(`${base}/target/u`, "utf8"), "text")
        assert.equal(fs.readFileSync(`${base}/target/mine`, "utf8"), "mine")
        assert.equal(fs.statSync(`${base}/target/mine`).mode & 0o777, 0o600)
        assert.equal(fs.statSync(`${base}/target/mine`).nlink, 2, "only w is the same file")
      })
    ))

  it("a hard link through a symlink becomes a file of its own", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/outside`)
        fs.writeFileSync(`${base}/outside/secret`, "secret")
        const entries = [symlink("a", "../outside"), file("x", "secret", { linkTo: "a/secret" })]
        const results = yield* writeEntries(target, `${base}/target`, entries)
        assert.deepEqual(results.map(({ outcome }) => outcome), ["written", "written"])
        assert.equal(fs.statSync(`${base}/outside/secret`).nlink, 1)
      })
    ))

  it("replacing a file leaves its other hard links as they are", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/target`)
        fs.writeFileSync(`${base}/other`, "text")
        fs.chmodSync(`${base}/other`, 0o600)
        fs.linkSync(`${base}/other`, `${base}/target/a`)
        fs.linkSync(`${base}/other`, `${base}/target/b`)
        yield* writeEntries(target, `${base}/target`, [
          file("a", "TEXT"),
          // It has the same content, but not the metadata of the other name.
          file("b", "text", { metadata: { mode: 0o666 } }),
        ])
        assert.equal(fs.readFileSync(`${base}/other`, "utf8"), "text")
        assert.equal(fs.statSync(`${base}/other`).mode & 0o777, 0o600)
        assert.equal(fs.statSync(`${base}/target/b`).mode & 0o777, 0o666)
      })
    ))

  it("a directory that is not empty stays", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/target/a/b`, { recursive: true })
        fs.mkdirSync(`${base}/target/empty`)
        const results = yield* writeEntries(target, `${base}/target`, [
          file("a", "x"),
          file("empty", "x"),
          symlink("a", "x"),
        ])
        assert.deepEqual(results.map(({ outcome }) => outcome), ["failed", "written", "failed"])
        assert.ok(fs.existsSync(`${base}/target/a/b`))
      })
    ))

  it("setuid is not kept where the owner is not", () =>
    run((base) =>
      Effect.gen(function* () {
        const uid = process.getuid!() + 1000
        const entry = file("a", "x", { metadata: { mode: 0o6755, uid, gid: uid } })
        yield* writeEntries(target, base, [entry], { owner: false })
        assert.equal(fs.statSync(`${base}/a`).mode & 0o7777, 0o755)
      })
    ))
})

describe("changes during a walk or a restore", () => {
  it("an interrupted restore leaves the old file and nothing else", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.writeFileSync(`${base}/a`, "old")
        const endless = Stream.concat(Stream.succeed(new Uint8Array(100_000).fill(1)), Stream.never)
        const fiber = yield* Effect.forkChild(writeEntries(target, base, [file("a", endless, { size: 1 << 30 })]))
        const temporary = () => fs.readdirSync(base).some((name) => name.startsWith(".penstock"))
        while (!temporary()) yield* Effect.sleep(1)
        yield* Fiber.interrupt(fiber)
        assert.deepEqual(fs.readdirSync(base), ["a"])
        assert.equal(fs.readFileSync(`${base}/a`, "utf8"), "old")
      })
    ))

  it("content whose file was replaced by something else is not read", () =>
    run((base) =>
      Effect.gen(function* () {
        const names = ["fifo", "file", "link", "none", "unchanged"]
        for (const name of names) fs.writeFileSync(`${base}/${name}`, "text")
        const entries = yield* Stream.runCollect(localSource.make().entries(base, {}))
        for (const name of names.slice(0, 4)) fs.renameSync(`${base}/${name}`, `${base}/old-${name}`)
        execFileSync("mkfifo", [`${base}/fifo`])
        fs.symlinkSync("old-link", `${base}/link`)
        fs.writeFileSync(`${base}/file`, "text")
        const reasons = entries.slice(1).map(({ content }) => {
          try {
            if (content && "open" in content) content.open().close()
            return "read"
          } catch (error) {
            return (error as { reason?: string }).reason
          }
        })
        assert.deepEqual(reasons, ["changed", "changed", "changed", "not-found", "read"])
      })
    ))

  it("a file that grows during the read comes to an end, and is reported as changed", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.writeFileSync(`${base}/log`, "line")
        const [entry] = yield* Stream.runCollect(localSource.make().entries(`${base}/log`, {}))
        const content = entry!.content!
        assert.ok("open" in content)
        const reader = content.open()
        fs.appendFileSync(`${base}/log`, "more")
        const buffer = new Uint8Array(100)
        assert.equal(reader.read(buffer), 4)
        assert.equal(reader.read(buffer), 0)
        assert.equal(reader.finish().changed, true)
        reader.close()
      })
    ))

  // A test that runs as root becomes nobody for a moment.
  const stuck = root && (typeof process.seteuid !== "function" || "Deno" in globalThis)
  it(
    ...skipIf(
      stuck && "root reads everything, and this runtime cannot stop being root",
      "unreadable files are named",
    ),
    () =>
      run((base) =>
        Effect.sync(() => {
          for (const name of ["closed", "open"]) fs.mkdirSync(`${base}/${name}`)
          fs.writeFileSync(`${base}/open/secret`, "x", { mode: 0o000 })
          fs.chmodSync(base, 0o755)
          fs.chmodSync(`${base}/closed`, 0o311)
          let entries: ReadonlyArray<Entry>
          let denied: unknown
          try {
            if (root) process.seteuid!(65534)
            entries = Effect.runSync(Stream.runCollect(localSource.make().entries(base, {})))
            denied = Effect.runSync(Effect.flip(Stream.runCollect(localSource.make().entries(`${base}/closed`, {}))))
            const content = entries.at(-1)!.content!
            assert.throws(() => "open" in content && content.open(), { reason: "denied", message: "Permission denied" })
          } finally {
            if (root) process.seteuid!(0)
          }
          assert.deepEqual(entries.map(({ path, kind, problem }) => [path, kind, problem]), [
            ["", "directory", undefined],
            ["closed", "directory", undefined],
            ["closed", "unreadable", "Permission denied"],
            ["open", "directory", undefined],
            ["open/secret", "file", undefined],
          ])
          assert.equal((denied as { reason?: string }).reason, "denied")
        })
      ),
  )

  const mounted = (() => {
    try {
      const at = fs.mkdtempSync("/tmp/penstock-mount-")
      try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", at], { stdio: "ignore" })
        execFileSync("umount", [at])
        return true
      } finally {
        fs.rmdirSync(at)
      }
    } catch {
      return false
    }
  })()
  const mount = (at: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        fs.mkdirSync(at)
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", at])
      }),
      () => Effect.sync(() => execFileSync("umount", [at])),
    )
  const cannotMount = !mounted && "it needs the right to mount"

  it(
    ...skipIf(cannotMount, "a full disk stops the restore, and no partial file stays"),
    () =>
      run((base) =>
        Effect.gen(function* () {
          yield* mount(`${base}/small`)
          const exit = yield* Effect.exit(writeEntries(target, `${base}/small`, [
            file("a", "fits"),
            file("b", new Uint8Array(2 << 20).fill(1)),
            file("c", "never"),
          ]))
          assert.ok(Exit.isFailure(exit))
          assert.match(JSON.stringify(exit), /"full"/)
          assert.deepEqual(fs.readdirSync(`${base}/small`), ["a"])
        })
      ),
  )

  it(
    ...skipIf(cannotMount, "a walk stays on its file system if it is asked to"),
    () =>
      run((base) =>
        Effect.gen(function* () {
          yield* mount(`${base}/mount`)
          fs.writeFileSync(`${base}/mount/x`, "x")
          const paths = (oneFileSystem: boolean) =>
            Effect.map(
              Stream.runCollect(localSource.make().entries(base, { oneFileSystem })),
              (entries) => entries.map(({ path }) => path),
            )
          assert.deepEqual(yield* paths(true), ["", "mount"])
          assert.deepEqual(yield* paths(false), ["", "mount", "mount/x"])
        })
      ),
  )

  it(
    ...skipIf(!root && "it needs root", "owners and device nodes come back"),
    () =>
      run((base) =>
        Effect.gen(function* () {
          fs.mkdirSync(`${base}/from/d`, { recursive: true })
          fs.writeFileSync(`${base}/from/f`, "x")
          fs.symlinkSync("f", `${base}/from/l`)
          for (const [i, name] of ["d", "f", "l"].entries()) fs.lchownSync(`${base}/from/${name}`, 1234 + i, 4321 + i)
          fs.chmodSync(`${base}/from/f`, 0o6755)
          execFileSync("mknod", ["-m", "640", `${base}/from/null`, "c", "1", "3"])
          execFileSync("mknod", [`${base}/from/wide`, "b", "259", "70000"])
          for (const name of ["null", "l"]) fs.linkSync(`${base}/from/${name}`, `${base}/from/d/${name}`)
          const entries = yield* Stream.runCollect(localSource.make().entries(`${base}/from`, {}))
          for (let i = 0; i < 2; i++) {
            const results = yield* writeEntries(target, `${base}/to`, entries, { devices: true })
            assert.deepEqual(results.filter((result) => "message" in result), [])
          }
          assert.equal(fs.lstatSync(`${base}/to/null`).ino, fs.lstatSync(`${base}/to/d/null`).ino)
          const facts = (name: string) => [...list(`${base}/${name}`)].map(([path, { facts }]) => [path, facts])
          assert.deepEqual(facts("to"), facts("from"))
          const numbers = (name: string) =>
            execFileSync("stat", ["-c", "%t:%T", "null", "wide"], { cwd: `${base}/${name}` })
          assert.equal(String(numbers("to")), String(numbers("from")))
        })
      ),
  )

  it("a root that is a symlink to a directory is walked; a symlink to a file is stored as a symlink", () =>
    run((base) =>
      Effect.gen(function* () {
        fs.mkdirSync(`${base}/d`)
        fs.writeFileSync(`${base}/d/f`, "x")
        fs.symlinkSync("d", `${base}/to-d`)
        fs.symlinkSync("d/f", `${base}/to-f`)
        const kinds = (name: string) =>
          Effect.map(
            Stream.runCollect(localSource.make().entries(`${base}/${name}`, {})),
            (entries) => entries.map(({ path, kind }) => `${kind} ${path}`),
          )
        assert.deepEqual(yield* kinds("to-d"), ["directory ", "file f"])
        assert.deepEqual(yield* kinds("to-f"), ["symlink to-f"])
      })
    ))
})

it(
  ...skipIf(
    localSource.make().fidelity.byteNames && "this runtime reads all names",
    "names that cannot be read are named, once each",
  ),
  () =>
    run((base) =>
      Effect.gen(function* () {
        const make =
          'mkdir "$(printf \'d\\377\')" "$(printf \'d\\376\')" "$(printf \'d\\357\\277\\275\')"; : > "$(printf ' +
          "'f\\377')\""
        execFileSync("sh", ["-c", make], { cwd: base })
        const entries = yield* Stream.runCollect(localSource.make().entries(base, {}))
        assert.deepEqual(entries.map(({ path, kind }) => `${kind} ${path}`), [
          "directory ",
          "unreadable d\ufffd",
          "unreadable d\ufffd",
          "unreadable f\ufffd",
          "directory d\ufffd",
        ])
        const results = yield* writeEntries(target, `${base}/to`, [file("\udcff", "x"), symlink("l", "\udcff")])
        assert.deepEqual(results.map(({ outcome }) => outcome), ["skipped", "skipped"])
      })
    ),
)
