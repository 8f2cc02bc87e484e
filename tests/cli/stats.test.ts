/** What `stats` prints in each mode, and its exit codes. */
// On one runtime: what it counts is tested without the command.
import assert from "node:assert/strict"
import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { noise } from "../suites/noise.ts"
import { inDirectory, rowsOf, runScript } from "./process/spawn.ts"

test("a format that cannot tell what is stored says so", () =>
  inDirectory(async (at) => {
    writeFileSync(at("key"), "0f".repeat(32))
    const run = (...args: ReadonlyArray<string>) =>
      runScript("tests/cli/process/quick_main.ts", [...args, "-r", at("repo"), "--key-file", at("key")], { env: {} })
    assert.equal((await run("init", "--format", "fogsync")).code, 0)
    const { code, stderr, stdout } = await run("stats", "--mode", "raw-data")
    assert.deepEqual([code, stdout], [1, ""])
    assert.match(stderr, /fogsync does not tell what a content takes in the repository: leave --mode raw-data out/)
  }))

// What the 500,000 bytes of text take: bkp compresses only short contents.
for (const [format, textStored] of [["rozen", 0], ["bkp", 500_000]] as const) {
  test(`${format}: stats counts what a restore takes, different contents, and the store`, () =>
    inDirectory(async (at) => {
      const run = (command: string, ...args: ReadonlyArray<string>) =>
        runScript("tests/cli/process/quick_main.ts", [command, "-r", at("repo"), ...args])
      const backup = async (): Promise<string> => {
        const made = await run("backup", "--init", "--format", format, "--json", at("src"))
        assert.equal(made.code, 0, made.stderr)
        return String(rowsOf(made).at(-1)!["snapshot"])
      }
      const counted = async (...args: ReadonlyArray<string>) => {
        const ended = await run("stats", "--json", ...args)
        assert.equal(ended.code, 0, ended.stderr)
        const { repository: _, type, ...members } = rowsOf(ended).at(-1)!
        assert.equal(type, "summary")
        return members as Record<string, number> & { readonly only?: Record<string, number> }
      }
      mkdirSync(at("src/d"), { recursive: true })
      writeFileSync(at("src/kept"), noise(300_000, 1))
      writeFileSync(at("src/d/copy"), noise(300_000, 1))
      writeFileSync(at("src/old"), noise(400_000, 2))
      const first = await backup()
      rmSync(at("src/old"))
      writeFileSync(at("src/new"), "x".repeat(500_000))
      linkSync(at("src/new"), at("src/link"))
      const second = await backup()

      // bkp keeps no hard links, and all of the client's tree: the directory that was backed up lies beneath others.
      const links = format === "bkp" ? 1_000_000 : 500_000
      const restore = await counted()
      assert.deepEqual(
        [restore["mode"], restore["snapshots"], restore["files"], restore["others"], restore["bytes"]],
        ["restore-size", 2, 3 + 4, 0, 1_000_000 + 600_000 + links],
      )
      const latest = await counted("latest")
      assert.deepEqual([latest["snapshots"], latest["bytes"]], [1, 600_000 + links])
      assert.deepEqual(await counted("--mode", "files-by-contents"), {
        mode: "files-by-contents",
        snapshots: 2,
        files: 3,
        bytes: 300_000 + 400_000 + 500_000,
      })
      const all = await counted("--mode", "raw-data")
      assert.deepEqual([all["bytes"], all["bytesUnique"], all.only], [1_600_000 + links, 1_200_000, undefined])
      assert.equal(all["deduplication"], Math.round((1_600_000 + links) / 12_000) / 100)
      const overhead = all["bytesStored"]! - 700_000 - textStored
      assert.ok(overhead > 0 && overhead < 2000, String(overhead))
      assert.equal(all["compression"], Math.round(120_000_000 / all["bytesStored"]!) / 100)
      const one = await counted("--mode", "raw-data", first)
      assert.deepEqual([one["bytesUnique"], one.only!["bytesUnique"]], [700_000, 400_000])
      assert.ok(Math.abs(one.only!["bytesStored"]! - 400_000) < 2000)

      const shown = await run("stats", "--mode", "raw-data", second.slice(0, 8), "00000000")
      assert.equal(shown.code, 3)
      assert.match(shown.stderr, /There is no snapshot "00000000"/)
      assert.match(
        shown.stdout,
        new RegExp([
          "^Snapshots:      1",
          `Size:           ${format === "bkp" ? "1.53 MiB" : "1.05 MiB"}`,
          "Chunks:         2",
          String.raw`Deduplicated:   781 KiB \(ratio [12]\.\d\d\)`,
          String.raw`Stored:         ${format === "bkp" ? "781" : "293"} KiB \(ratio [12]\.\d\d\)`,
          String.raw`Only in these:  [\d.]+ (B|KiB): 1 chunk of 488 KiB\n$`,
        ].join("\n")),
      )
      const mode = await run("stats", "--mode", "sizes")
      assert.equal(mode.code, 1)
      assert.match(mode.stderr, /restore-size/)
    }))
}
