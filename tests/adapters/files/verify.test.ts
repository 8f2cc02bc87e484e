/** A restore with `verify` reads back what it wrote. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { file, writeEntries } from "../../suites/target.ts"
import { temporaryDirectory } from "./plant.ts"

const target = localTarget.make({ threadAfter: 0 })
const big = new Uint8Array(3_000_000).map((_, i) => i >> 3)
const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }

/** Content of which one byte changes on the disk, after it was written and before the file has its name. */
const rotten = (at: string, path: string, content: Uint8Array): ReadonlyArray<Entry> => {
  const rot = (): void => {
    const temporary = fs.readdirSync(at).find((name) => name.startsWith(".penstock-"))!
    const fd = fs.openSync(`${at}/${temporary}`, "r+")
    fs.writeSync(fd, Uint8Array.of(0xee), 0, 1, content.length - 1)
    fs.closeSync(fd)
  }
  let read = 0
  return [
    file(`${path} stream`, Stream.concat(Stream.make(content), Stream.fromEffectDrain(Effect.sync(rot))), {
      size: content.length,
      metadata,
    }),
    file(`${path} reader`, {
      open: () => ({
        read: (into) => {
          const part = content.subarray(read, read + into.length)
          into.set(part)
          read += part.length
          return part.length
        },
        finish: () => {
          rot()
          return { changed: false, size: content.length, metadata: {} }
        },
        close: () => {},
      }),
    }, { size: content.length, metadata }),
  ]
}

it("names a file that came out otherwise on the disk, and no other", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const at = yield* temporaryDirectory
    const good = [
      file("small", "content", { metadata }),
      file("empty", "", { metadata }),
      file("big", Stream.make(big.subarray(0, 1_000_000), big.subarray(1_000_000)), { size: big.length, metadata }),
      file("holes", new Uint8Array(1 << 20), { sparse: true, metadata }),
    ]
    const entries = [...good, ...rotten(at, "small rot", big.subarray(0, 1000)), ...rotten(at, "big rot", big)]
    const results = yield* writeEntries(target, at, entries, { verify: true })
    for (const result of results) {
      const rot = result.path.includes("rot")
      assert.equal(result.outcome, rot ? "failed" : "written", result.path)
      if ("message" in result) assert.match(result.message, /^What was read back is not what was written/)
      else assert.equal(result.verified, true, result.path)
    }
    // Files that are there already are compared anyway.
    const again = yield* writeEntries(target, at, good, { verify: true })
    assert.ok(again.every((result) => result.outcome === "unchanged" && !("verified" in result)))
    const without = yield* writeEntries(target, at, rotten(at, "rot", big), {})
    assert.deepEqual(without.map(({ outcome }) => outcome), ["written", "written"])
  }))))
