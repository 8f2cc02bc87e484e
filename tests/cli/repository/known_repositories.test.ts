/**
 * A secret that is given is never ignored, and another repository than last time is refused: someone who can write to
 * the storage could put one there.
 */
// On one runtime: many combinations of repositories; one file of JSON is read and written.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { Effect } from "effect"
import { knownAt, locationName } from "../../../cli/repository/known_repositories.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "../process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"
type At = (name: string) => string
const password = { PENSTOCK_PASSWORD: "secret" }

/** Runs in a directory with its own source and state, and checks the exit code. */
const inPlace = (
  use: (
    at: At,
    run: (code: number, args: ReadonlyArray<string>, env?: Record<string, string>) => Promise<Ended>,
  ) => Promise<void>,
): Promise<void> =>
  inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "content")
    await use(at, async (code, args, env = password) => {
      const ended = await runScript(main, args, { env: { XDG_STATE_HOME: at("state"), ...env } })
      assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}`)
      return ended
    })
  })

test("a snapshot catalog in the place of a rozen repository gets no backup and is not restored from", () =>
  inPlace(async (at, run) => {
    const repo = ["-r", at("repo")]
    await run(0, ["backup", "-q", "--init", ...repo, at("src")])
    await run(0, ["backup", "-q", "--init", "-r", at("open"), "--format", "snapshot-catalog", at("src")], {})
    renameSync(at("repo"), at("away"))
    cpSync(at("open"), at("repo"), { recursive: true })

    const other = ["-r", at("other")]
    await run(0, ["init", "-q", ...other])
    const commands = [
      ["backup", ...repo, at("src")],
      ["backup", "--init", ...repo, "--no-encryption", at("src")],
      ["restore", ...repo, "--target", at("out")],
      ["restore", ...repo, "--no-encryption", "--target", at("out")],
      ...["snapshots", "ls", "dump", "check", "rebuild"].map((command) => [command, ...repo]),
      ["convert", ...repo, "--to", at("new"), "--to-format", "snapshot-catalog"],
      ["convert", ...other, "--to", at("repo")],
      ["copy", ...other, "--to", at("repo")],
      ["init", ...other.with(1, at("new")), "--from-repo", at("repo"), "--from-password-file", at("src/a")],
    ]
    await Promise.all(commands.map(async (args, i) => {
      const { stderr, stdout } = await run(1, args)
      assert.match(
        stderr,
        new RegExp(
          String.raw`^penstock: Another repository lies at .*repo than last time \(snapshot-catalog, not encrypted; ` +
            String.raw`it was rozen, [0-9a-f]{8}, key [0-9a-f]{8}\): .* give --(to-|from-)?new-repository`,
        ),
        `${i}`,
      )
      assert.equal(stdout, "")
    }))
    const ignored = await run(1, ["backup", ...repo, "--new-repository", at("src")])
    assert.match(
      ignored.stderr,
      new RegExp(
        "^penstock: PENSTOCK_PASSWORD is given, but the repository at .*, of the format snapshot-catalog, " +
          "is not encrypted: give --no-encryption",
      ),
    )
    const told = await run(0, ["backup", ...repo, "--new-repository", "--no-encryption", "--json", at("src")])
    assert.match(
      told.stderr,
      /^The repository at .* is not encrypted: anyone who can read it can read all backups in it\n$/,
    )
    assert.equal(rowsOf(told).at(-1)?.["encrypted"], false)

    // From now on this one is known, and the first one is another.
    await run(0, ["ls", ...repo], {})
    rmSync(at("repo"), { recursive: true })
    renameSync(at("away"), at("repo"))
    assert.match((await run(1, ["ls", ...repo])).stderr, /\(rozen; it was snapshot-catalog, not encrypted\)/)
    await run(0, ["ls", ...repo, "--new-repository"])
    await run(0, ["ls", ...repo])
  }))

test("a secret without use is refused: of every kind, by option or variable", () =>
  inPlace(async (at, run) => {
    writeFileSync(at("key"), "00".repeat(32))
    writeFileSync(at("id"), "AGE-SECRET-KEY-1X\n")
    const catalog = ["-r", at("catalog")]
    const init = ["init", "-q", ...catalog, "--format", "snapshot-catalog"]
    const variables = {
      PENSTOCK_PASSWORD: "secret",
      PENSTOCK_PASSWORD_FILE: at("key"),
      PENSTOCK_PASSWORD_COMMAND: "echo secret",
      PENSTOCK_RECIPIENTS: "age1x",
      PENSTOCK_IDENTITY_FILE: at("id"),
      PENSTOCK_KEY_FILE: at("key"),
    }
    const made = await run(1, init)
    assert.match(
      made.stderr,
      /^penstock: PENSTOCK_PASSWORD is given, but a new repository of the format snapshot-catalog/,
    )
    await run(0, [...init, "--no-encryption"])
    await Promise.all(
      Object.entries(variables).map(async ([name, value]) => {
        const { stderr } = await run(1, ["backup", ...catalog, at("src")], { [name]: value })
        const message = `^penstock: ${name} is given, but the repository at .* is not encrypted: give --no-encryption`
        assert.match(stderr, new RegExp(message))
      }),
    )
    const options = {
      "password-file": at("key"),
      "password-command": "true",
      recipient: "age1x",
      identity: at("id"),
      "key-file": at("key"),
    }
    await Promise.all(
      Object.entries(options).map(async ([name, value]) => {
        const { stderr } = await run(1, ["restore", ...catalog, `--${name}`, value, "--target", at("out")], {})
        assert.match(stderr, new RegExp(`^penstock: --${name} is given, but the repository at`))
      }),
    )
    const to = await run(1, ["convert", ...catalog, "--to", at("new"), "--to-format", "snapshot-catalog"], {
      PENSTOCK_TO_PASSWORD: "x",
    })
    assert.match(to.stderr, /^penstock: PENSTOCK_TO_PASSWORD is given, .*: give --to-no-encryption if that is meant/)
    await run(0, ["backup", ...catalog, "--no-encryption", at("src")])

    // An encrypted repository takes only its own kind, and --no-encryption is not ignored either.
    const rozen = ["-r", at("rozen")]
    await run(0, ["init", "-q", ...rozen])
    const { stderr } = await run(1, ["ls", ...rozen], { ...password, PENSTOCK_KEY_FILE: at("key") })
    assert.match(
      stderr,
      /PENSTOCK_PASSWORD and PENSTOCK_KEY_FILE are given, but .*, of the format rozen, .*, not both: leave one out/,
    )
    assert.match((await run(1, ["ls", ...rozen, "--no-encryption"])).stderr, /is encrypted: leave --no-encryption out/)
    assert.match(
      (await run(1, ["convert", ...rozen, "--to", at("catalog")], { ...password, PENSTOCK_TO_PASSWORD: "x" })).stderr,
      /^penstock: PENSTOCK_TO_PASSWORD is given, but the repository at .*: give --to-no-encryption/,
    )
    const bkp = ["-r", at("bkp")]
    await run(0, ["init", "-q", ...bkp, "--format", "bkp", "--no-encryption"])
    assert.match((await run(1, ["ls", ...bkp])).stderr, /PENSTOCK_PASSWORD is given, but .* is not encrypted/)
    await run(0, ["snapshots", ...bkp, "--no-encryption"])
    const locked = ["-r", at("locked")]
    await run(0, ["init", "-q", ...locked, "--format", "bkp"])
    assert.match((await run(1, ["ls", ...locked, "--no-encryption"])).stderr, /is encrypted: leave --no-encryption out/)
  }))

test("another repository of the same format, one without encryption, and none at all", () =>
  inPlace(async (at, run) => {
    for (const format of ["rozen", "bkp"]) {
      const repo = ["-r", at(format)]
      await run(0, ["init", "-q", ...repo, "--format", format])
      await run(0, ["init", "-q", "-r", at(`${format}2`), "--format", format])
      renameSync(at(format), at("first"))
      renameSync(at(`${format}2`), at(format))
      assert.match(
        (await run(1, ["backup", ...repo, at("src")])).stderr,
        new RegExp(
          `\\(${format}, [0-9a-f]{8}(, key [0-9a-f]{8})?; it was ${format}, [0-9a-f]{8}(, key [0-9a-f]{8})?\\)`,
        ),
      )

      rmSync(at(format), { recursive: true })
      assert.match(
        (await run(10, ["ls", ...repo])).stderr,
        /any more, where one was \(.*\): is its disk mounted\? To make another: penstock init -r /,
      )
      const gone = await run(10, ["backup", "--init", "--format", format, ...repo, at("src")])
      assert.match(gone.stderr, /where one was \(.*\): is its disk mounted\? To make another: give --new-repository/)
      assert.equal(statSync(at(format), { throwIfNoEntry: false }), undefined)
      renameSync(at("first"), at(format))
      await run(0, ["backup", "--init", ...repo, at("src")])
    }
    // The ID of a bkp repository is not encrypted: someone who can write there can declare that it has no password.
    const { id } = JSON.parse(readFileSync(at("bkp/config"), "utf8"))
    await run(0, ["init", "-q", "-r", at("plain"), "--format", "bkp", "--no-encryption"], {})
    const said = await run(1, ["ls", "-r", at("plain"), "--password-file", at("src/a")], {})
    assert.match(said.stderr, /is not encrypted/)
    rmSync(at("bkp"), { recursive: true })
    renameSync(at("plain"), at("bkp"))
    assert.match((await run(1, ["ls", "-r", at("bkp")], {})).stderr, /\(bkp, [0-9a-f]{8}, not encrypted; it was bkp, /)
    assert.match(id, /^[0-9a-f]{32}$/)

    rmSync(at("rozen"), { recursive: true })
    const made = await run(0, ["backup", "--init", "-q", "-r", at("rozen"), "--new-repository", at("src")])
    assert.equal(made.stderr, "")
    rmSync(at("rozen"), { recursive: true })
    // init makes another one on purpose.
    await run(0, ["init", "-q", "-r", at("rozen")])
    await run(0, ["backup", "-q", "-r", at("rozen"), at("src")])
  }))

test("known repositories are one file, which many commands may write at once; without it, commands go on", () =>
  inPlace(async (at, run) => {
    await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const ended = await runScript(main, ["backup", "-q", "--init", "-r", at(`r${i}`), at("src")], {
          env: { XDG_STATE_HOME: at("state"), ...password },
          spawned: true,
        })
        assert.equal(ended.code, 0, ended.stderr)
      }),
    )
    const file = at("state/penstock/known_repositories")
    const { repositories, version } = JSON.parse(readFileSync(file, "utf8"))
    assert.equal(version, 1)
    const locations = repositories.map(({ location }: { location: string }) => location).sort()
    assert.deepEqual(locations, Array.from({ length: 6 }, (_, i) => at(`r${i}`)))
    assert.deepEqual([statSync(file).mode & 0o777, statSync(at("state/penstock")).mode & 0o777], [0o600, 0o700])
    assert.equal(statSync(`${file}.lock`, { throwIfNoEntry: false }), undefined)

    // A killed process left this lock.
    writeFileSync(`${file}.lock`, "")
    utimesSync(`${file}.lock`, 0, 0)
    await run(0, ["init", "-q", "-r", at("r6")])
    assert.equal(JSON.parse(readFileSync(file, "utf8")).repositories.length, 7)

    writeFileSync(file, "{")
    const damaged = await run(0, ["ls", "-r", at("r0")])
    assert.match(
      damaged.stderr,
      /^penstock: cannot tell whether the same repository as last time lies at .*known_repositories is damaged/,
    )
    assert.equal(readFileSync(file, "utf8"), "{")
    // A FIFO in its place does not block.
    rmSync(file)
    assert.equal(spawnSync("mkfifo", [file]).status, 0)
    assert.match((await run(0, ["ls", "-r", at("r0")])).stderr, /known_repositories is not a file/)
    const nowhere = { ...password, XDG_STATE_HOME: at("src/a") }
    assert.match(
      (await run(0, ["ls", "-r", at("r0")], nowhere)).stderr,
      /^penstock: cannot remember which repository lies at /,
    )
    assert.equal((await run(0, ["ls", "-q", "-r", at("r0")], nowhere)).stderr, "")
  }))

test("a location has one name, without settings and passwords", () => {
  const names = {
    "s3://bucket/path/?region=x&profile=y": "s3://bucket/path",
    "s3://bucket/path?endpoint=https://user:hunter2@host:9000&region=x": "s3://bucket/path?endpoint=https://host:9000",
    "s3:https://host:9000/bucket": "s3:https://host:9000/bucket",
    "sftp://user:hunter2@host:22//x?identity=/k": "sftp://user@host:22//x",
    "sftp:user:hunter2@host:x": "sftp:user@host:x",
    "webdav+https://user:hunter2@host/x/#f": "webdav+https://user@host/x",
    "file:///x/y": "/x/y",
    "x/../y": `${process.cwd()}/y`,
    "sqlite:y": `sqlite:${process.cwd()}/y`,
    "memory:x": undefined,
  }
  for (const [location, name] of Object.entries(names)) assert.equal(locationName(location), name)
})

test("a run that knows its repository reads one file and writes none", () =>
  inDirectory(async (at) => {
    const before = process.env["XDG_STATE_HOME"]
    process.env["XDG_STATE_HOME"] = at("state")
    try {
      const repository = { format: "rozen", id: "0".repeat(32), encrypted: true }
      const known = await Effect.runPromise(knownAt(at("x"), false))
      assert.equal(known.before, undefined)
      await Effect.runPromise(known.remember(repository))
      const file = at("state/penstock/known_repositories")
      const { ino } = statSync(file)
      const again = await Effect.runPromise(knownAt(at("x"), false))
      assert.deepEqual(again.before, { location: at("x"), ...repository })
      await Effect.runPromise(again.remember(repository))
      assert.equal(statSync(file).ino, ino)
    } finally {
      if (before === undefined) delete process.env["XDG_STATE_HOME"]
      else process.env["XDG_STATE_HOME"] = before
    }
  }))

test("a dangling link is named, and nothing is made at its target", () =>
  inPlace(async (at, run) => {
    symlinkSync(at("not there"), at("link"))
    for (const repo of [at("link"), `sqlite:${at("link")}`, at("link/beneath/it")]) {
      for (const args of [["ls"], ["init"], ["backup", "--init", at("src")]]) {
        const { stderr } = await run(10, [...args, "-r", repo])
        assert.match(stderr, / is a symbolic link to .*not there, which is not there: is its disk mounted\?/)
      }
    }
    assert.equal(statSync(at("not there"), { throwIfNoEntry: false }), undefined)
    // The proposed command can be pasted into a shell.
    const { stderr } = await run(10, ["ls", "-r", at("it's & that")])
    assert.ok(stderr.includes(`penstock init -r '${at("it'\\''s & that")}'`), stderr)
  }))
