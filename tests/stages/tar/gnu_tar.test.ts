/** GNU tar reads what we write, and we read what it writes. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { concat } from "effect/Bytes"
import { sqliteEngine } from "../../../adapters/catalog/sqlite.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { localSource } from "../../../adapters/files/source/source.ts"
import { readTar, tarFidelity, tarInMemory, writeTar } from "../../../stages/tar/mod.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { pathToBytes } from "../../../stages/walk/path.ts"
import { factsOf, kept, sorted } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { skipIf } from "../../skip.ts"

const version = spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout ?? ""
const noTar = !version.includes("GNU tar") && "there is no GNU tar"
const isDeno = "Deno" in globalThis

const inDirectory = async (use: (path: (name: string) => string) => unknown): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "penstock-tar-"))
  try {
    await use((name) => join(directory, name))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const tar = (...args: ReadonlyArray<string>): string => {
  const { status, stderr, stdout } = spawnSync("tar", args, {
    encoding: "utf8",
    env: { PATH: process.env["PATH"]!, LC_ALL: "C" },
  })
  assert.equal(stderr, "")
  assert.equal(status, 0)
  return stdout
}

/** Makes files of every kind that needs no privilege, and device nodes where the user may make them. */
const make = (root: string): void => {
  mkdirSync(join(root, "dir/hollow"), { recursive: true, mode: 0o750 })
  writeFileSync(join(root, "empty"), "")
  writeFileSync(join(root, "large"), noise(300_000, 1), { mode: 0o600 })
  writeFileSync(join(root, "dir/a"), "linked")
  linkSync(join(root, "dir/a"), join(root, "b"))
  symlinkSync("../no where", join(root, "link"))
  symlinkSync("t".repeat(150), join(root, "long link"))
  mkdirSync(join(root, "n".repeat(120), "m".repeat(120)), { recursive: true })
  writeFileSync(join(root, "n".repeat(120), "m".repeat(120), "é \u{1f600}"), "deep")
  // The file system's own calls take names as bytes only where the runtime does.
  if (!isDeno) writeFileSync(Buffer.concat([Buffer.from(`${root}/bytes `), Buffer.of(0xff)]), "b")
  writeFileSync(join(root, "holes"), "x")
  truncateSync(join(root, "holes"), 3_000_000)
  writeFileSync(join(root, "holes at ends"), "")
  truncateSync(join(root, "holes at ends"), 2_000_000)
  writeFileSync(join(root, "holes at ends"), "x".repeat(5000), { flag: "r+" })
  spawnSync("mkfifo", [join(root, "fifo")])
  spawnSync("mknod", [join(root, "device"), "c", "1", "3"])
  const touch = (name: string, given: string): void => {
    // Deno sees milliseconds only.
    const time = isDeno ? given.replace(/\.\d+/, "") : given
    assert.equal(spawnSync("touch", ["-h", "-d", time, join(root, name)]).status, 0)
  }
  touch("empty", "1960-02-03 04:05:06.123456789 UTC")
  touch("large", "2200-02-03 04:05:06 UTC")
  touch("link", "1999-12-31 23:59:59.999999999 UTC")
  touch("dir", "1970-01-01 00:00:00.000000001 UTC")
}

const walk = (root: string) => localSource.make().entries(root, {})
/** Facts that a tar archive keeps. `ctime`, `inode` and the like are not compared. */
const facts = async <E>(entries: Stream.Stream<Entry, E, SqliteEngine | Scope.Scope>) => {
  const streams = Stream.map(
    entries,
    (entry): Entry => entry.kind === "file" ? { ...entry, content: contentStream(entry) } : entry,
  )
  const found = await Effect.runPromise(Effect.scoped(factsOf(streams)).pipe(Effect.provide(sqliteEngine)))
  return sorted(kept(found, { ...tarFidelity, mtime: isDeno ? 1_000_000 : 1 }, { directories: true }))
}

describe("tar and GNU tar", () => {
  for (const form of ["posix", "gnu", "oldgnu", "ustar", "v7"]) {
    it(...skipIf(noTar, `GNU tar writes the form ${form}, and we read it`), () =>
      inDirectory(async (at) => {
        mkdirSync(at("src"))
        make(at("src"))
        const exact = form === "posix"
        const old = form === "ustar" || form === "v7"
        // The other forms cannot hold everything.
        if (!exact) {
          spawnSync("touch", [
            "-h",
            "-d",
            "2001-01-01",
            ...["dir", "empty", "large", "link"].map((name) => at(`src/${name}`)),
          ])
        }
        if (old) {
          for (const name of ["long link", "n".repeat(120), "fifo", "device"]) {
            rmSync(at(`src/${name}`), { recursive: true, force: true })
          }
        }
        const sparse = old ? [] : ["-S"]
        tar("-C", at("src"), `--format=${form}`, ...sparse, "-cf", at("a.tar"), ".")
        const bytes = readFileSync(at("a.tar"))
        if (!old) {
          assert.ok(bytes.length < 600_000, `${bytes.length} bytes, so nothing in it is sparse`)
        }
        const ours = await facts(readTar(tarInMemory(bytes)))
        const theirs = await facts(walk(at("src")))
        const coarse = (all: ReadonlyArray<unknown>) =>
          exact
            ? all
            : (all as Array<[string, { mtime?: bigint; owner: unknown; sparse?: boolean }]>).map(([path, fact]) => {
              const { mtime, owner, sparse, ...rest } = fact
              const seconds = mtime === undefined ? undefined : mtime / (isDeno ? 1000n : 1_000_000_000n)
              return [path, { ...rest, seconds, ...(form === "v7" ? {} : { owner }), ...(old ? {} : { sparse }) }]
            })
        assert.deepEqual(coarse(ours), coarse(theirs))
      }))
  }

  for (const sparse of ["0.0", "0.1", "1.0"]) {
    it(
      ...skipIf(noTar, `GNU tar writes holes in the form ${sparse}, and we read them`),
      () =>
        inDirectory(async (at) => {
          mkdirSync(at("src"))
          make(at("src"))
          tar("-C", at("src"), "--format=posix", "-S", `--sparse-version=${sparse}`, "-cf", at("a.tar"), ".")
          assert.deepEqual(await facts(readTar(tarInMemory(readFileSync(at("a.tar"))))), await facts(walk(at("src"))))
        }),
    )
  }

  it(...skipIf(noTar, "we write, and GNU tar reads it"), () =>
    inDirectory(async (at) => {
      mkdirSync(at("src"))
      make(at("src"))
      const archive = await Effect.runPromise(Effect.map(Stream.runCollect(writeTar(walk(at("src")))), concat))
      writeFileSync(at("a.tar"), archive)
      assert.ok(archive.length < 600_000, `${archive.length} bytes, so holes are not kept`)
      mkdirSync(at("out"))
      tar("-C", at("out"), "--warning=no-timestamp", "-xpf", at("a.tar"))
      assert.deepEqual(await facts(walk(at("out"))), await facts(walk(at("src"))))
      // Times that Deno cut to milliseconds differ.
      if (!isDeno) tar("-C", at("src"), "--compare", "-f", at("a.tar"))
    }))

  it(
    ...skipIf(noTar, "GNU tar lists sizes beyond 8 GiB, large numbers and names that are not UTF-8 in what we write"),
    () =>
      inDirectory(async (at) => {
        const size = 2 ** 33 + 5
        const name = "\udcff".repeat(150)
        const entries = Stream.fromIterable(
          [
            {
              path: name,
              kind: "file",
              metadata: { uid: 3_000_000, gid: 4_000_000_000, user: "ü".repeat(20) },
              size: 0,
              content: new Uint8Array(0),
            },
            { path: "disk", kind: "block", metadata: { mode: 0o600 }, size: 0, rdev: { major: 4_000_000, minor: 1 } },
            {
              path: "huge",
              kind: "file",
              metadata: { mtime: -5_000_000_000n },
              size,
              sparse: true,
              content: Stream.succeed(new Uint8Array(size - 2 ** 33)),
            },
          ] as const,
        )
        // The content of the huge file is too short, but a list needs only its beginning.
        const archive = Stream.runCollect(Stream.takeUntil(writeTar(entries), (_bytes, i) => i === 3))
        writeFileSync(at("a.tar"), concat(await Effect.runPromise(archive)))
        const { stdout } = spawnSync("tar", ["--numeric-owner", "--quoting-style=escape", "-tvf", at("a.tar")], {
          encoding: "utf8",
          env: { PATH: process.env["PATH"]!, TZ: "UTC" },
        })
        const lines = stdout.split("\n")
        assert.match(lines[0]!, /^-rw-r--r-- 3000000\/4000000000 +0 1970-01-01 00:00 (\\377){150}$/)
        assert.match(lines[1]!, /^brw------- 0\/0 +4000000,1 1970-01-01 00:00 disk$/)
        assert.match(lines[2]!, /^-rw-r--r-- 0\/0 +8589934597 1969-12-31 23:59 huge$/)
        assert.equal(pathToBytes(name).length, 150)
      }),
  )
})
