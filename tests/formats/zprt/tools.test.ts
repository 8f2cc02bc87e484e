/** The commands `age` and `zstd` read archives that we wrote, and write archives that we read. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Redacted } from "effect"
import { makeZprt } from "../../../formats/zprt/mod.ts"
import { noise } from "../../suites/noise.ts"
import { skipIf } from "../../skip.ts"
import { missing, runTool } from "../../tool.ts"
import { archiveOf, brief, identityText, read, toAlice } from "./harness.ts"

const tools = missing("age") || missing("zstd")

const inDirectory = async (use: (directory: string) => Promise<void>): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "penstock-zprt-"))
  try {
    writeFileSync(join(directory, "key"), `${identityText}\n`)
    await use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** An independent reader: the lists of a plain index in the document's layout. */
const listed = (
  plain: Buffer,
): Map<string, { readonly at: number; readonly length: number; readonly hash: string }> => {
  let at = 8
  const number = (): number => Number(plain.readBigUInt64LE((at += 8) - 8))
  const list = <A>(read: () => A): Array<A> => Array.from({ length: number() }, read)
  const position = () => `${number()} ${number()}`
  assert.equal(plain.readBigUInt64LE(0), 12219678139600706333n)
  const unique = list(position)
  const hashes = list(() => plain.toString("hex", at, at += 32))
  const sizes = list(number)
  const positions = list(position)
  const paths = () =>
    list(() =>
      list(() => {
        const length = number()
        return plain.toString("utf8", at, at += length)
      }).join("/")
    )
  const files = paths()
  const empty = paths()
  assert.equal(at, plain.length)
  assert.equal(sizes.length, unique.length)
  const entries = files.map((path, i) => {
    const [start, length] = positions[i]!.split(" ").map(Number)
    return [path, { at: start!, length: length!, hash: hashes[unique.indexOf(positions[i]!)]! }] as const
  })
  return new Map([...entries, ...empty.map((path) => [path, { at: 0, length: 0, hash: "" }] as const)])
}

const large = noise(4_500_000, 1)
const TREE = {
  "empty": { content: "" },
  "d/e/text": { content: "text ".repeat(50_000) },
  "same": { content: "text ".repeat(50_000) },
  "large": { content: large },
  "none": { directory: true },
} as const

describe("zprt beside age and zstd", () => {
  it(
    ...skipIf(tools || missing("b3sum"), "cut out by the index, each content is decoded by age and zstd"),
    () =>
      inDirectory(async (directory) => {
        const archive = Buffer.from(await archiveOf(TREE))
        const decode = (file: Uint8Array): Buffer =>
          Buffer.from(runTool("zstd", ["-dc"], runTool("age", ["-d", "-i", join(directory, "key")], file)))
        const length = Number(archive.readBigUInt64LE(archive.length - 16))
        const entries = listed(decode(archive.subarray(archive.length - 16 - length, -16)))
        assert.deepEqual([...entries.keys()].sort(), ["d/e/text", "empty", "large", "none", "same"])
        assert.equal(entries.get("same")!.at, entries.get("d/e/text")!.at)
        for (const [path, { at, hash, length }] of entries) {
          if (path === "none") continue
          const content = decode(archive.subarray(at, at + length))
          const expected = Buffer.from(TREE[path as "large"].content)
          assert.ok(content.equals(expected), path)
          assert.equal(Buffer.from(runTool("b3sum", ["--no-names"], content)).toString().trim(), hash)
        }
      }),
  )

  it(
    ...skipIf(tools || missing("b3sum"), "an archive that a shell script makes is read"),
    () =>
      inDirectory(async (directory) => {
        writeFileSync(join(directory, "large"), large)
        writeFileSync(join(directory, "script"), SCRIPT)
        const made = spawnSync("bash", ["script", toAlice], { cwd: directory, encoding: "utf8" })
        assert.equal(made.status, 0, made.stderr)
        const archive = new Uint8Array(readFileSync(join(directory, "made.zprt")))
        const held = await read(archive)
        assert.deepEqual(Object.keys(held), ["a.txt", "large", "d/b ü.txt", "e"])
        assert.deepEqual([held["a.txt"], held["d/b ü.txt"], held["e"]], ["hello\n", "hello\n", null])
        assert.equal(held["large"], brief(large))
      }),
  )

  const terminal = missing("script") || (spawnSync("script", ["-qec", "true", "/dev/null"]).status !== 0 && "no pty")
  it(
    ...skipIf(tools || terminal, "the key slot of an archive with a password is an identity file for age"),
    () =>
      inDirectory(async (directory) => {
        const format = makeZprt({ scryptLogN: 10 })
        const archive = Buffer.from(
          await archiveOf({ "a": { content: "apple" } }, format, { password: Redacted.make("secret") }),
        )
        const starts = [...archive.toString("latin1").matchAll(/age-encryption\.org\/v1\n/g)].map(({ index }) => index)
        assert.equal(starts.length, 3)
        assert.equal(starts[0], 8)
        writeFileSync(join(directory, "slot.age"), archive.subarray(8, starts[1]))
        writeFileSync(join(directory, "apple.age"), archive.subarray(starts[1], starts[2]))
        const command = "age -d -i slot.age -o apple.zst apple.age"
        const run = spawnSync("sh", ["-c", `(sleep 1; echo secret; sleep 1) | script -qec "${command}" /dev/null`], {
          cwd: directory,
          encoding: "utf8",
        })
        assert.equal(run.status, 0, run.stdout)
        const content = runTool("zstd", ["-dc"], new Uint8Array(readFileSync(join(directory, "apple.zst"))))
        assert.equal(Buffer.from(content).toString(), "apple")
      }),
  )
})

/**
 * Writes made.zprt with printf, zstd, age and b3sum alone: `hello` twice and a large file, in the document's layout.
 */
const SCRIPT = `
set -euo pipefail
number() { local n=$1 i; for i in 1 2 3 4 5 6 7 8; do printf "\\\\x$(printf %02x $((n & 255)))"; n=$((n >> 8)); done; }
string() { number "$(printf %s "$1" | wc -c)"; printf %s "$1"; }
path() { number $#; for name; do string "$name"; done; }
hash() { b3sum --no-names --raw; }
magic() { printf '\\x1d\\x9b\\x81\\x7c\\x86\\x04\\x95\\xa9'; }
printf 'hello\\n' > hello
zstd -q -3 --no-check -c < hello | age -r "$1" > hello.age
zstd -q -3 --long=27 -c < large | age -r "$1" > large.age
h=$(wc -c < hello.age)
l=$(wc -c < large.age)
{
  magic
  number 2; number 8; number $h; number $((8 + h)); number $l
  number 2; hash < hello; hash < large
  number 2; number 6; number "$(wc -c < large)"
  number 3; number 8; number $h; number $((8 + h)); number $l; number 8; number $h
  number 3; path a.txt; path large; path d 'b ü.txt'
  number 1; path e
} > index
zstd -q -19 -c < index | age -r "$1" > index.age
{ magic; cat hello.age large.age index.age; number "$(wc -c < index.age)"; magic; } > made.zprt
`
