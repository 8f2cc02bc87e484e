import assert from "node:assert/strict"
import { execFile, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { emptyArgument } from "../../cli/arguments/empty.ts"
import { VERSION } from "../../cli/release.ts"
import { skipIf } from "../skip.ts"
import { backupScript, inDirectory, penstock, rowsOf, runScript } from "./process/spawn.ts"

const file = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url).href)

test("help names every command, says how to start, and has examples", async () => {
  const { code, stdout, stderr } = await runScript("cli/main.ts", ["--help"], { fromSource: true })
  assert.equal(code, 0)
  assert.equal(stderr, "")
  for (
    const name of [
      "init",
      "backup",
      "restore",
      "snapshots",
      "ls",
      "find",
      "diff",
      "stats",
      "dump",
      "check",
      "verify",
      "rebuild",
      "forget",
      "copy",
      "convert",
      "key",
      "cat",
      "version",
    ]
  ) {
    assert.match(stdout, new RegExp(`^  ${name} +\\S`, "m"))
  }
  assert.match(stdout, /\n\nEXAMPLES\n/)
  assert.match(stdout, /penstock backup ~\/documents/)
  assert.match(stdout, /--completions/)
})

test("the help of the entry scripts shows their own names", async () => {
  const [backup, restore] = await Promise.all([
    runScript("backup.ts", ["--help"], { fromSource: true }),
    runScript("restore.ts", ["-h"], { fromSource: true }),
  ])
  assert.equal(backup.code, 0)
  assert.match(backup.stdout, /bun run backup\.ts -r \/mnt\/disk\/backups ~\/documents/)
  assert.doesNotMatch(backup.stdout, /--init/)
  assert.equal(restore.code, 0)
  assert.match(restore.stdout, /--target, -t DIR/)
})

test("wrong arguments give one line on stderr that says what was meant and where help is", async () => {
  const [option, command, target, value] = await Promise.all([
    penstock(["backup", "--exlude", "x", "/a"]),
    penstock(["bakup"]),
    penstock(["restore"]),
    penstock(["check", "-r", "/nowhere", "--read-data-subset", "many"]),
  ])
  for (const ended of [option, command, target, value]) {
    assert.equal(ended.code, 1)
    assert.equal(ended.stdout, "")
    assert.equal(ended.stderr.trimEnd().split("\n").length, 1, ended.stderr)
  }
  assert.match(option.stderr, /--exlude.*did you mean --exclude\?.*penstock backup --help/)
  assert.match(command.stderr, /bakup.*did you mean backup\?/)
  assert.match(target.stderr, /--target/)
  assert.match(value.stderr, /"many" is not a part/)
})

test("the version is the one in package.json", async () => {
  for (const name of ["package.json", "deno.json"]) {
    assert.equal(JSON.parse(readFileSync(file(name), "utf8")).version, VERSION, name)
  }
  const { code, stdout } = await penstock(["version", "--verbose"])
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^penstock ${VERSION}\\nruntime +(node|deno|bun) \\d`))
  assert.match(stdout, /hash:blake3/)
})

const noBash = spawnSync("bash", ["-c", "true"]).error !== undefined && "there is no bash here"

test(...skipIf(noBash, "bash accepts the completion script"), async () => {
  // As a process: the library of the parser prints this itself.
  const { code, stdout } = await penstock(["--completions", "bash"], { spawned: true })
  assert.equal(code, 0)
  assert.match(stdout, /snapshots/)
  const bash = await new Promise<string>((resolve) => {
    const child = execFile(
      "bash",
      ["-n"],
      (error, _, stderr) => resolve(error === null ? "" : `${error.message}${stderr}`),
    )
    child.stdin!.on("error", () => {})
    child.stdin!.end(stdout)
  })
  assert.equal(bash, "")
})

test("-v is --verbose in every command, and --version prints the version; neither replaces the command", async () => {
  await inDirectory(async (at) => {
    writeFileSync(at("no"), "1")
    const commands = [
      ...["init", "backup", "restore", "snapshots", "ls", "dump", "check", "rebuild", "copy", "convert", "version"],
    ]
    const [root, version, both, backup, ...helps] = await Promise.all([
      penstock(["-v"]),
      penstock(["--version"]),
      penstock(["snapshots", "-q", "-v", "-r", at("repo")]),
      // The word after an option without a value is an argument, even if it looks like a value.
      backupScript(["-r", at("repo"), "-vv", "--dry-run=false", "-x", at("no")]),
      ...commands.map((name) => penstock([name, "--help"])),
    ])
    assert.equal(root.code, 1, root.stdout)
    assert.deepEqual([version.code, version.stdout], [0, `penstock ${VERSION}\n`])
    assert.deepEqual([both.code, both.stderr], [1, "penstock: Give either --quiet or --verbose, not both\n"])
    assert.equal(backup.code, 0, backup.stderr)
    assert.match(backup.stdout, /^Snapshot .* saved$/m)
    for (const [i, help] of helps.entries()) {
      assert.match(help.stdout, /--verbose, -v {2}/, commands[i])
      assert.doesNotMatch(help.stdout, /--version, -v|\[=/, commands[i])
    }
    const list = await penstock(["ls", "-r", at("repo"), "--json", "--long", "latest", "no"])
    assert.equal(rowsOf(list)[0]?.["path"], "no")
  })
})

test("an empty argument is an error that names its option, in every command", async () => {
  const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [["restore", "-r", "/r", "--target", ""], /^penstock: The argument after --target is empty/],
    [["restore", "-r", "/r", "--target="], /^penstock: The value of --target is empty/],
    [["restore", "-r", "/r", "-t", "/x", "--include", ""], /after --include is empty/],
    [["restore", "-r", "/r", "-t", "/x", ""], /^penstock: An argument is empty/],
    [["backup", ""], /^penstock: An argument is empty/],
    [["backup", "-r", "/r", "--", ""], /^penstock: An argument is empty/],
    [["backup", "-r", "", "/x"], /after -r is empty/],
    [["snapshots", "-r", "/r", "--host", ""], /after --host is empty/],
    [["dump", "-r", "/r", ""], /is empty/],
    [["ls", "-r", "/r", "latest", ""], /^penstock: An argument is empty/],
    [["copy", "-r", "/r", "--to", ""], /after --to is empty/],
    [["convert", "-r", "/r", "-s", ""], /after -s is empty/],
    [["init", "--password-file="], /--password-file is empty/],
    [["check", "--read-data-subset", ""], /after --read-data-subset is empty/],
  ]
  const ends = await Promise.all(cases.map(([args]) => penstock(args)))
  for (const [i, { code, stderr, stdout }] of ends.entries()) {
    assert.deepEqual([code, stdout], [1, ""], cases[i]![0].join(" "))
    assert.match(stderr, cases[i]![1])
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr)
  }
  assert.equal(emptyArgument(["backup", "--stdin-from-command", "--", "printf", ""]), undefined)
})
