/** `--option`: an option of a format is applied, kept by the repository, and never ignored. */
// On one runtime: many options; they are parsed by portable code.
import assert from "node:assert/strict"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { Effect, Redacted } from "effect"
import { newIdentity, recipientOf } from "../../../stages/encrypt/age.ts"
import { program } from "../../formats/zprt/program.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "../process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"
const run = (args: ReadonlyArray<string>, env: Record<string, string> = {}): Promise<Ended> =>
  runScript(main, args, { env })
const done = async (args: ReadonlyArray<string>, env: Record<string, string> = {}): Promise<Ended> => {
  const ended = await run(args, env)
  assert.equal(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`)
  return ended
}
const refused = async (args: ReadonlyArray<string>, message: RegExp): Promise<void> => {
  const { code, stderr } = await run(args)
  assert.equal(code, 1, stderr)
  assert.match(stderr, message)
}
const password = { PENSTOCK_PASSWORD: "secret" }

test("unknown keys and values, and options without effect, are errors in every command", () =>
  inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "content")
    const repo = ["-r", at("bkp")]
    const make = ["init", ...repo, "--format", "bkp", "--no-encryption"]
    await refused(
      [...make, "-o", "bkp.order=x"],
      /"bkp\.order=x" is not an option of a format; there are: .*zprt\.layout=document\|program; /,
    )
    await refused([...make, "-o", "bkp.keys=two"], /bkp\.keys: "two" is not one of its values: per-object, one/)
    await refused([...make, "-o", "bkp.keys="], /bkp\.keys: "" is empty/)
    await refused(
      [...make, "-o", "zprt.layout=program"],
      /is given for zprt, but the repository at .* has the format bkp/,
    )
    await refused([...make, "-o", "bkp.keys=one", "-o", "bkp.keys=one"], /more than once/)
    await refused([...make, "-o", "bkp.keys=one", "-o", "zprt.layout=program"], /a repository has one format/)
    await refused([...make, "-o", "bkp.part=a"], /bkp\.part is set for each snapshot, and this command makes none/)
    assert.equal(existsSync(at("bkp")), false)
    await done(make)
    for (
      const command of [["ls"], ["snapshots"], ["check"], ["rebuild"], ["dump"], ["restore", "--target", at("out")], [
        "backup",
        at("src"),
      ]]
    ) {
      await refused([...command, ...repo, "-o", "bkp.what=x"], /is not an option/)
    }
    await refused(
      ["backup", ...repo, "-o", "bkp.keys=one", at("src")],
      /keeps what it has: leave --option bkp\.keys out/,
    )
    await refused(["ls", ...repo, "-o", "bkp.part=a"], /this command makes none/)
    await refused(["backup", ...repo, "-o", "bkp.part=../a", at("src")], /bkp\.part: "\.\.\/a" /)
    const to = ["convert", ...repo, "--to", at("other.zprt"), "--to-format", "zprt"]
    await refused([...to, "--to-option", "zprt.layout=new"], /--to-option zprt\.layout: "new" is not one/)
    assert.equal(existsSync(at("other.zprt")), false)
  }))

test("zprt: an archive keeps the order that it was given; files can have their own recipients", async () => {
  const [mine, hers] = await Effect.runPromise(Effect.all([newIdentity, newIdentity]))
  const [toMe, toHer] = await Effect.runPromise(Effect.all([recipientOf(mine), recipientOf(hers)]))
  await inDirectory(async (at) => {
    mkdirSync(at("src/secret"), { recursive: true })
    writeFileSync(at("src/a"), "content")
    writeFileSync(at("src/secret/b"), "for her")
    writeFileSync(at("mine"), `${Redacted.value(mine)}\n`)
    const own = ["--identity", at("mine")]
    const later = ["-o", "zprt.layout=program"]
    await done(["init", "-r", at("one"), "--format", "zprt", ...own, ...later])
    await done(["backup", "-r", at("one"), ...own, at("src")])
    await done(["backup", "--init", "--format", "zprt", "-r", at("two"), ...own, ...later, at("src")])
    await done(["backup", "-r", at("two"), ...own, at("src")])
    const to = [
      "--to",
      at("three"),
      "--to-format",
      "zprt",
      "--to-recipient",
      toMe,
      "--to-option",
      "zprt.layout=program",
    ]
    await done(["convert", "-r", at("one"), ...own, ...to])
    for (const name of ["one", "two", "three"]) {
      const held = await program(readFileSync(at(name)), "program", "length", Redacted.value(mine))
      assert.deepEqual(held, { "a": "content", "secret/b": "for her" }, name)
    }
    await done(["backup", "-r", at("two"), ...own, "-o", `zprt.recipients=secret/=${toHer}`, at("src")])
    const listed = await done(["ls", "-r", at("two"), ...own])
    assert.equal(listed.stdout, "a\nsecret/b\n")
    assert.equal((await done(["dump", "-r", at("two"), ...own, "a"])).stdout, "content")
    assert.equal((await run(["dump", "-r", at("two"), ...own, "secret/b"])).code, 1)
    writeFileSync(at("mine"), `${Redacted.value(mine)}\n${Redacted.value(hers)}\n`)
    assert.equal((await done(["dump", "-r", at("two"), ...own, "secret/b"])).stdout, "for her")
    await refused(
      ["backup", "-r", at("two"), ...own, "-o", "zprt.recipients=secret/", at("src")],
      /is not a pattern, =, and age recipients/,
    )
  })
})

test("bkp: a part of the tree is backed up and the rest carried over; one key for all objects", () =>
  inDirectory(async (at) => {
    mkdirSync(at("src/d/e"), { recursive: true })
    writeFileSync(at("src/a"), "one")
    writeFileSync(at("src/d/b"), "two")
    const repo = ["-r", at("bkp")]
    await done(["init", ...repo, "--format", "bkp", "-o", "bkp.keys=one"], password)
    assert.match(readFileSync(at("bkp/config"), "utf8"), /"keys":"one"/)
    await done(["backup", ...repo, at("src")], password)
    writeFileSync(at("src/a"), "not this")
    writeFileSync(at("src/d/e/c"), "three")
    await done(["backup", ...repo, "-o", "bkp.part=/d/e/", at("src/d/e")], password)
    const listed = await done(["ls", ...repo], password)
    assert.deepEqual(listed.stdout.trim().split("\n"), [".", "a", "d", "d/b", "d/e", "d/e/c"])
    assert.equal((await done(["dump", ...repo, "a"], password)).stdout, "one")
    assert.equal((await done(["dump", ...repo, "d/e/c"], password)).stdout, "three")
  }))

test("rozen: block version 0 is made on request, and stays", () =>
  inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "one")
    const repo = ["-r", at("repo")]
    await done(["init", ...repo, "-o", "rozen.version=0"], password)
    for (const name of ["b", "c"]) {
      writeFileSync(at(`src/${name}`), name)
      await done(["backup", ...repo, at("src")], password)
    }
    const objects = ["DATA", "INDEX"].flatMap((folder) =>
      readdirSync(at(`repo/${folder}`), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    )
    // Three contents, and a log and an index for each run.
    assert.equal(objects.length, 7)
    for (const name of objects) assert.equal(readFileSync(name)[8], 0, name)
    const checked = rowsOf(await done(["check", ...repo, "--read-data", "--json"], password)).at(-1)!
    assert.equal(checked["snapshots"], 2)
  }))

test("snapshot-catalog: the variants of the later program; the ID of this machine or a given one; a name", () =>
  inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "one")
    const repo = ["-r", at("repo")]
    const choice = (name: string): ReadonlyArray<string> => ["-o", `snapshot-catalog.${name}`]
    await done([
      "init",
      ...repo,
      "--format",
      "snapshot-catalog",
      ...choice("wrap=yes"),
      ...choice("catalogs=flat"),
      ...choice("tree=program"),
    ])
    await done(["backup", ...repo, at("src")])
    await done([
      "backup",
      ...repo,
      "--host",
      "other",
      ...choice("machine=AAAAAAAA-1111-2222-3333-bbbbbbbbbbbb"),
      ...choice("name=before the move"),
      at("src"),
    ])
    for (const name of readdirSync(at("repo/catalogs"))) {
      assert.match(name, /^[0-9a-f]{32}$/)
      assert.equal(readFileSync(at(`repo/catalogs/${name}`)).readUInt32LE(0), 0xfd2fb528)
    }
    const [mine, other] = rowsOf(await done(["snapshots", ...repo, "--json"]))
    const own = existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : ""
    if (/^[0-9a-f]{32}$/.test(own)) assert.equal(mine!["machine"], own)
    else assert.match(String(mine!["machine"]), /^[0-9a-f]{32}$/)
    assert.deepEqual([other!["machine"], other!["name"]], ["aaaaaaaa111122223333bbbbbbbbbbbb", "before the move"])
    await refused(["backup", ...repo, ...choice("machine=x"), at("src")], /"x" is not a machine ID of 32 hex digits/)
  }))

test("fogsync: several shares in one place, each with its name, key and kind of listing", () =>
  inDirectory(async (at) => {
    mkdirSync(at("photos"))
    mkdirSync(at("music"))
    writeFileSync(at("photos/p"), "photo")
    writeFileSync(at("music/m"), "song")
    writeFileSync(at("key1"), "01".repeat(32))
    writeFileSync(at("key2"), "02".repeat(32))
    const share = (name: string, key: string): ReadonlyArray<string> => [
      ...["-r", at("fog"), "--key-file", at(key), "-o", `fogsync.share=${name}`],
    ]
    const [photos, music] = [share("photos", "key1"), share("music", "key2")]
    await done(["init", ...photos, "--format", "fogsync", "-o", "fogsync.listing=tree"])
    await done(["init", ...music, "--format", "fogsync"])
    for (let run = 0; run < 2; run++) {
      await done(["backup", ...photos, at("photos")])
      await done(["backup", ...music, at("music")])
    }
    assert.equal((await done(["ls", ...photos])).stdout, ".\np\n")
    assert.equal((await done(["dump", ...music, "m"])).stdout, "song")
    const ended = await run(["ls", "-r", at("fog"), "--key-file", at("key1")])
    assert.equal(ended.code, 10, ended.stderr)
    assert.match(ended.stderr, /have names: choose one of music, photos \(--option fogsync\.share=NAME\)/)
    assert.equal((await run(["ls", ...share("photos", "key2")])).code, 12)
    await refused(
      ["init", ...share("Bad Name", "key1"), "--format", "fogsync"],
      /fogsync\.share: "Bad Name" is not a name for a share/,
    )
    await refused(["backup", ...photos, "-o", "fogsync.listing=json", at("photos")], /keeps what it has/)
    await refused(
      ["copy", ...photos, "--to", at("fog"), "--to-key-file", at("key1"), "--to-option", "fogsync.share=photos"],
      /into itself/,
    )
    const copied = await done([
      "copy",
      ...photos,
      "--to",
      at("fog"),
      "--to-key-file",
      at("key2"),
      "--to-option",
      "fogsync.share=music",
    ])
    assert.match(copied.stdout, /2 snapshots copied/)
  }))
