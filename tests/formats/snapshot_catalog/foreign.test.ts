/** Catalogs of other programs: later forms, another order, other encodings of values. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { blobs } from "../../../formats/snapshot_catalog/layout.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { type Content, contents, hasher, ID, type Ways, whole, writeForeign } from "./foreign.ts"
import { hex, inRepository, names, options, text } from "./harness.ts"

const WAYS: ReadonlyArray<readonly [string, Ways]> = [
  ["plain", {}],
  ["wrapped in zstd", { wrap: true }],
  ["wrapped, flat, with rows for holes", { wrap: true, flat: true, nulls: true }],
]

for (const [how, ways] of WAYS) {
  describe(`a catalog of another program, ${how}`, () => {
    it("is listed, read, checked, and rebuilt into an index", () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          const name = yield* writeForeign(store, ways)
          const [info] = yield* repository.snapshots
          assert.deepEqual(info, {
            id: ID,
            time: Date.parse("2024-02-29T10:00:00.250Z"),
            hostname: "elsewhere",
            username: "",
            paths: ["/srv"],
            tags: [],
            files: 3,
            directories: 1,
            machine: "ab".repeat(16),
            name: "a name",
            bytes: Object.values(contents).reduce((sum, content) => sum + whole(content).length, 0),
          })
          const problems: Array<string> = []
          const facts = yield* factsOf(
            repository.entries(info!, { problem: ({ message, path }) => problems.push(`${path}: ${message}`) }),
          )
          assert.deepEqual(problems, [`weird: Its kind, "teapot", is unknown to this Penstock`])
          // Depth-first: "d.txt" sorts between "d" and what is in it, byte by byte.
          assert.deepEqual([...facts.keys()], ["d", "d/b", "d/hard", "d/holes", "d/z", "d.txt"])
          const digest = (content: Content) => createHash("sha256").update(whole(content)).digest("hex")
          assert.equal(facts.get("d/z")!.content, digest(contents.plain))
          assert.equal(facts.get("d/hard")!.content, digest(contents.plain))
          assert.equal(facts.get("d/hard")!.linkTo, "d/z")
          assert.equal(facts.get("d/holes")!.content, digest(contents.holes))
          assert.equal(facts.get("d.txt")!.content, digest(contents["only a hole"]))
          assert.deepEqual([...facts].filter(([, { sparse }]) => sparse).map(([path]) => path), ["d/holes", "d.txt"])
          assert.equal(facts.get("d/b")!.target, "../é")
          assert.equal(facts.get("d/z")!.metadata.mtime, 981_173_106_123_456_789n)
          assert.equal(facts.get("d/holes")!.metadata.mtime, 981_173_106_123_000_000n)
          assert.equal(facts.get("d/z")!.metadata.mode, 0o640)

          const { findings } = yield* repository.check({ readData: 100 })
          assert.deepEqual(findings.map(({ object }) => object), [name], JSON.stringify(findings))
          assert.match(findings[0]!.message, /tree hash/)
          yield* repository.rebuild
          assert.equal((yield* repository.snapshots)[0]!.bytes, info!.bytes)
        })
      ))

    it("can be the parent of a snapshot: only unchanged files with holes are read again", () =>
      inRepository((repository, store) =>
        Effect.gen(function* () {
          yield* writeForeign(store, ways)
          const untouchable = { open: () => assert.fail("An unchanged file was opened") }
          const entry = (path: string, size: number, mtime: bigint, content: typeof untouchable | Uint8Array) =>
            ({ path, kind: "file", metadata: { mtime }, size, content }) as const
          const summary = yield* repository.backup(
            Stream.fromIterable([
              entry("d/holes", whole(contents.holes).length, 981_173_106_123_000_000n, whole(contents.holes)),
              entry("d/z", 7, 981_173_106_123_456_789n, untouchable),
            ]),
            { ...options, parent: ID },
          )
          assert.equal(summary.filesUnchanged, 1)
          const facts = yield* factsOf(repository.entries(summary.snapshot!))
          assert.ok([...facts.values()].every(({ damage }) => damage === undefined))
          const maps = yield* names(store, "blobs/")
          assert.ok(maps.includes(blobs.nameOf(hasher.digest(whole(contents.plain)))))
          assert.equal(hex(hasher.digest(text("one two"))), hex(hasher.digest(whole(contents.plain))))
        })
      ))
  })
}
