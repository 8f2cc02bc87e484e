import assert from "node:assert/strict"
import { execFile, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { VERSION } from "../../cli/release.ts"
import { skipIf } from "../skip.ts"
import { penstock, runScript } from "./spawn.ts"

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
      "dump",
      "check",
      "rebuild",
      "copy",
      "convert",
      "version",
    ]
  ) {
    assert.match(stdout, new RegExp(`^  ${name} +\\S`, "m"))
  }
  assert.match(stdout, /\n\nEXAMPLES\n/)
  assert.match(stdout, /penstock backup ~\/documents/)
  assert.match(stdout, /--completions/)
})

test("help of the entry scripts goes by their own names", async () => {
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

test("wrong arguments are one line on stderr that says what was meant and where help is", async () => {
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
  assert.match(value.stderr, /"many" is not a share/)
})

test("the version is that of the package", async () => {
  for (const name of ["package.json", "deno.json"]) {
    assert.equal(JSON.parse(readFileSync(file(name), "utf8")).version, VERSION, name)
  }
  const { code, stdout } = await penstock(["version", "--verbose"])
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^penstock ${VERSION}\\nruntime +(node|deno|bun) \\d`))
  assert.match(stdout, /hash:blake3/)
})

const noBash = spawnSync("bash", ["-c", "true"]).error !== undefined && "there is no bash here"

test(...skipIf(noBash, "the completion script is one that bash accepts"), async () => {
  const { code, stdout } = await penstock(["--completions", "bash"])
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
