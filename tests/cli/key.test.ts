/** `penstock key`: keys are listed, added, changed and removed, and kept on paper. */
import assert from "node:assert/strict"
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import { decodeQR } from "qr/decode.js"
import { qrLines } from "../../cli/output/qr_code.ts"
import { encodeJson } from "../../formats/rozen/json.ts"
import vectors from "../vectors/rozen_keys.json" with { type: "json" }
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

type Variables = Readonly<Record<string, string>>

const run = (args: ReadonlyArray<string>, env: Variables = {}): Promise<Ended> =>
  runScript("tests/cli/process/quick_main.ts", args, { env })
const ok = async (args: ReadonlyArray<string>, env?: Variables): Promise<Ended> => {
  const ended = await run(args, env)
  assert.equal(ended.code, 0, ended.stderr)
  return ended
}
const fails = async (args: ReadonlyArray<string>, env?: Variables): Promise<string> => {
  const { code, stderr } = await run(args, env)
  assert.notEqual(code, 0)
  return `${code} ${stderr}`
}
const summary = (ended: Ended) => rowsOf(ended).at(-1)!

const recipient = "age14n7frtw8rxu2ah9ecje0dq2rq0wxpljvvtzl08p425mjnqrphvxqm65vxh"

const first = { PENSTOCK_PASSWORD: "first" }

test("keys of each kind are added, listed and removed, and the password is changed", () =>
  inDirectory(async (at) => {
    const repo = ["-r", at("repo")]
    await ok(["init", "-q", ...repo], first)
    const keyFile = ["--key-file", at("laptop.key")]
    const added = await ok(
      ["key", "add", "--json", ...repo, "--name", "laptop", "--new-key-file", at("laptop.key")],
      first,
    )
    assert.match(
      added.stderr,
      /^Made the key file .*laptop\.key\. Whoever has a copy of it can open the repository\.\n$/,
    )
    assert.deepEqual([summary(added)["kind"], summary(added)["name"], summary(added)["by"]], [
      "key-file",
      "laptop",
      "me@host",
    ])
    assert.match(readFileSync(at("laptop.key"), "utf8"), /^[0-9a-f]{64}\n$/)
    if (process.platform !== "win32") assert.equal(statSync(at("laptop.key")).mode & 0o777, 0o600)

    writeFileSync(at("identity"), `# public key: ${recipient}\n${vectors.identity}\n`)
    // Options may stand before the command and before its subcommand.
    const age = await ok([...repo, "key", "--json", "add", ...keyFile, "--new-recipient", recipient])
    const changed = await ok(["key", "passwd", "--json", ...repo], { ...first, PENSTOCK_NEW_PASSWORD: "second" })
    assert.match(changed.stderr, /^This does not shut out whoever has the old secret and a copy of KEYS\/ from before/)
    assert.match(await fails(["key", "list", ...repo], first), /^12 penstock: The password does not open/)

    const listed = rowsOf(await ok(["key", "list", "--json", ...repo, "--identity", at("identity")]))
    assert.deepEqual(listed.at(-1), { type: "summary", keys: 3, ended: 0, damaged: 0 })
    const keys = listed.slice(0, -1)
    assert.deepEqual(keys.map(({ kind }) => kind).sort(), ["age", "key-file", "password"])
    assert.deepEqual(keys.filter(({ inUse }) => inUse), [{ ...summary(age), type: "key", inUse: true }])
    assert.equal(keys.find(({ kind }) => kind === "password")!["id"], summary(changed)["id"])

    const id = String(summary(added)["id"])
    assert.match(await fails(["key", "remove", id, ...repo, ...keyFile]), /^1 penstock: The key .* is in use/)
    assert.match(await fails(["key", "remove", "xyz", ...repo, ...keyFile]), /^1 penstock: No key begins with xyz/)
    const second = { PENSTOCK_PASSWORD: "second" }
    const removed = await ok(["key", "remove", id.slice(0, 12), "--json", ...repo], second)
    assert.equal(summary(removed)["removed"], id)
    assert.match(removed.stderr, /^Whoever has its secret and a copy of KEYS\/ from before can still open all/)
    assert.match(await fails(["snapshots", ...repo, ...keyFile]), /^12 penstock: The key file does not open/)
    const table = (await ok(["key", "list", ...repo], second)).stdout
    assert.match(table, /^ID +In use +Role +Kind +Created +By +Epoch +Ended +Name\n/)
    assert.match(table, /yes +owner +password .* me@host/)
  }))

/** What a scanner reads from the QR code in a text. */
const scan = (text: string): string => {
  const lines = text.split("\n").filter((line) => /[█▀▄]/.test(line)).map((line) => line.slice(2))
  const [columns, scale] = [Math.max(...lines.map((line) => line.length)), 4]
  const [width, height] = [scale * (columns + 4), scale * 2 * lines.length]
  const data = new Uint8Array(4 * width * height).fill(255)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sign = lines[Math.floor(y / scale / 2)]![Math.floor(x / scale)]
      const dark = sign === "█" || sign === (Math.floor(y / scale) % 2 === 0 ? "▀" : "▄")
      if (dark) data.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3)
    }
  }
  return decodeQR({ width, height, data })
}

test("a text that is too long for a QR code has none", () => assert.equal(qrLines("A".repeat(5000)), undefined))

test("a paper key opens a repository whose keys are lost", () =>
  inDirectory(async (at) => {
    const repo = ["-r", at("repo")]
    await ok(["init", "-q", ...repo], first)
    const exported = await ok(["key", "export", ...repo], first)
    assert.match(
      exported.stdout,
      /^# Paper key of the repository [0-9a-f]{32} \(rozen\)\nPENSTOCK-ROZEN-1\n 1: [A-Z0-9]{5} /,
    )
    assert.equal(scan(exported.stdout), exported.stdout.replace(/^#.*\n/gm, "").replace(/\d+:|\s/g, ""))
    assert.match(exported.stderr, /^Whoever has this text and the storage can read and change everything/)
    for (const name of readdirSync(at("repo/KEYS"))) rmSync(at(`repo/KEYS/${name}`))
    assert.match(await fails(["snapshots", ...repo], first), /^1 penstock: .* has no key: KEYS\/ is empty or missing/)

    writeFileSync(at("paper"), exported.stdout.toLowerCase().replace(/^.*\n/, ""))
    const paper = ["--paper-key-file", at("paper")]
    const second = { PENSTOCK_NEW_PASSWORD: "second" }
    assert.match(
      await fails(["key", "import", ...repo, ...paper], { ...first, ...second }),
      /^1 penstock: PENSTOCK_PASSWORD is given, but key import opens the repository with the paper key/,
    )
    await ok(["key", "import", "-q", ...repo, ...paper], second)
    await ok(["check", "-q", ...repo], { PENSTOCK_PASSWORD: "second" })

    const typed = exported.stdout.replace(/1: (.)/, (_, sign) => `1: ${sign === "Q" ? "P" : "Q"}`)
    assert.match(
      await fails(["key", "import", ...repo], { ...second, PENSTOCK_PAPER_KEY: typed }),
      /^12 penstock: The paper key is mistyped/,
    )
    await ok(["init", "-q", "-r", at("other")], first)
    assert.match(
      await fails(["key", "import", "-r", at("other"), ...paper], second),
      /^12 penstock: The paper key is of the repository [0-9a-f]{32}, and the one at .*other is [0-9a-f]{32}\n$/,
    )
  }))

test("a repository is made without a password; one secret is enough, and more than one is refused", () =>
  inDirectory(async (at) => {
    writeFileSync(at("key"), `${"0f".repeat(32)}\n`)
    const repo = ["-r", at("repo"), "--key-file", at("key")]
    await ok(["init", "-q", ...repo])
    writeFileSync(at("file"), "content")
    await ok(["backup", "-q", ...repo, at("file")])
    assert.match(await fails(["snapshots", "-r", at("repo")], first), /^12 penstock: The password does not open/)
    assert.match(
      await fails(["key", "add", ...repo, "--new-recipient", "age1x"], { PENSTOCK_NEW_PASSWORD: "x" }),
      /^1 penstock: PENSTOCK_NEW_PASSWORD and --new-recipient are given, but a key is for one secret/,
    )
    assert.match(
      await fails(["key", "add", ...repo]),
      /^1 penstock: No password: set PENSTOCK_NEW_PASSWORD, give --new-/,
    )
    assert.match(
      await fails(["key", "add", ...repo, "--new-recipient", "age1x"]),
      /^1 penstock: "age1x" is not an age recipient/,
    )
    writeFileSync(at("repo/KEYS/0000000000000000.00000000.json"), "no key")
    const listed = await run(["key", "list", "--json", ...repo])
    assert.equal(listed.code, 1)
    assert.deepEqual(rowsOf(listed).map(({ type }) => type), ["key", "finding", "summary"])
    await ok(["key", "remove", "0000000000000000", ...repo])
    assert.equal((await ok(["key", "list", ...repo])).code, 0)
  }))

test("formats of one secret say what they have instead", () =>
  inDirectory(async (at) => {
    await ok(["init", "-q", "--format", "bkp", "-r", at("bkp")], first)
    assert.match(
      await fails(["key", "list", "-r", at("bkp")], first),
      /^1 penstock: A repository of the format bkp has no keys to manage: it has one password, which is chosen when/,
    )
    await ok(["init", "-q", "--format", "snapshot-catalog", "-r", at("open")])
    assert.match(
      await fails(["key", "passwd", "-r", at("open")], { PENSTOCK_NEW_PASSWORD: "x" }),
      /: it is not encrypted/,
    )
  }))

test("a repository that somebody made for a known recipient is noticed", () =>
  inDirectory(async (at) => {
    writeFileSync(at("identity"), `${vectors.identity}\n`)
    const repo = ["-r", at("repo"), "--identity", at("identity")]
    await ok(["init", "-q", "-r", at("repo"), "--recipient", recipient])
    assert.equal((await ok(["snapshots", ...repo])).stderr, "")
    const elsewhere = { XDG_STATE_HOME: at("state") }
    assert.match(
      (await ok(["snapshots", ...repo], elsewhere)).stderr,
      /^penstock: this machine has not seen the repository at .* before, and an age identity does not tell whether/,
    )
    assert.equal((await ok(["snapshots", ...repo], elsewhere)).stderr, "")
    await ok(["init", "-q", "-r", at("forged"), "--recipient", recipient])
    rmSync(at("repo"), { recursive: true })
    renameSync(at("forged"), at("repo"))
    assert.match(
      await fails(["snapshots", ...repo]),
      /^1 penstock: Another repository lies at .* \(rozen, .{8}, key .{8}; it was rozen, .{8}, key .{8}\)/,
    )
  }))

test("a reader restores and writes nothing; keys are rotated, and a storage that goes back is noticed", () =>
  inDirectory(async (at) => {
    const repo = ["-r", at("repo")]
    const reader = { PENSTOCK_PASSWORD: "reader" }
    await ok(["init", "-q", ...repo], first)
    writeFileSync(at("file"), "content")
    await ok(["backup", "-q", ...repo, at("file")], first)
    const added = await ok(["key", "add", "--json", "--role", "reader", "--name", "sister", ...repo], {
      ...first,
      PENSTOCK_NEW_PASSWORD: "reader",
    })
    assert.equal(summary(added)["role"], "reader")
    const writer = await ok(["key", "add", ...repo, "--role", "writer", "--new-key-file", at("laptop.key")], first)
    assert.match(writer.stderr, /backup with a writer's key comes with a later version/)
    await ok(["restore", "-q", ...repo, "--target", at("out")], reader)
    assert.equal(readFileSync(at("out/file"), "utf8"), "content")
    assert.match(
      await fails(["backup", ...repo, at("missing")], reader),
      /^1 penstock: .*(key \w{16} is a reader's, and cannot back up|missing)/,
    )
    cpSync(at("repo"), at("old"), { recursive: true })
    const rotated = await ok(["key", "rotate", "--json", ...repo], first)
    assert.deepEqual([summary(rotated)["epoch"], summary(rotated)["keys"]], [2, 3])
    assert.match(rotated.stderr, /^What was backed up until now stays readable/)
    await ok(["snapshots", "-q", ...repo], reader)
    rmSync(at("repo"), { recursive: true })
    renameSync(at("old"), at("repo"))
    assert.match(
      await fails(["snapshots", ...repo], reader),
      /^1 penstock: The repository at .* was put back to an earlier state: its keys are of epoch 1, and this machine/,
    )
  }))

test("what a key says of itself does nothing to the terminal, and an absurd time stops nothing", () =>
  inDirectory(async (at) => {
    const repo = ["-r", at("repo")]
    await ok(["init", "-q", ...repo], first)
    const added = await ok(["key", "add", ...repo, "--name", "\x1b]0;x\x07"], { ...first, PENSTOCK_NEW_PASSWORD: "x" })
    const name = "KEYS/ffffffffffffffff.ffffffff.json"
    const lock = { version: 1, kind: "\x1b[2Jlater", created: 9e15, by: "\u202e" }
    const check = bytesToHex(blake3(concat([new TextEncoder().encode(name), encodeJson(lock)])))
    writeFileSync(at(`repo/${name}`), encodeJson({ ...lock, check }))
    const listed = await run(["key", "list", ...repo], first)
    const rows = await run(["key", "list", "--json", ...repo], first)
    // deno-lint-ignore no-control-regex
    for (const { stdout } of [added, listed, rows]) assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\u202e]/)
    assert.match(listed.stderr, /KEYS\/f{16}\.f{8}\.json is a lock of the key f{16}, which has no grant/)
  }))
