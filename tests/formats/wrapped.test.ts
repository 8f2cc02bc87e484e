/** A repository with methods of one's own around it, `{ ...repository, backup }`, does what it does without. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { copies, copiesChunks, copy } from "../../formats/copy.ts"
import { fogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { FormatError } from "../../formats/error.ts"
import type { Repository } from "../../formats/repository.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { makeZprt } from "../../formats/zprt/mod.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { counting } from "../../adapters/store/counting/counting.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"

const scrypt = { n: 1024, r: 8, p: 1 }
const password = { password: Redacted.make("secret") }
const FORMATS: ReadonlyArray<readonly [Format, Secrets]> = [
  [makeRozen({ scrypt, average: 16 << 10 }), password],
  [makeRozen({ scrypt, version: 0 }), password],
  [makeZprt({ scryptLogN: 10 }), password],
  [makeBkp({ iterations: 10 }), password],
  [makeSnapshotCatalog({ average: 16 << 10 }), {}],
  [fogsync, { key: Redacted.make(new Uint8Array(32)) }],
]

const TREE: MemoryTree = { "a": { content: noise(200_000, 1), mtime: 1n }, "d/b": { content: "b", mtime: 2n } }
const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
const options = { paths: ["/x"], hostname: "h", time: 1_600_000_000_000 }
const wrap = (repository: Repository): Repository => ({ ...repository })

/** Makes a repository in a new store; `like` another. Gives it with what its store counts. */
const made = Effect.fnUntraced(function* (
  format: Format,
  secrets: Secrets,
  like?: Repository,
): Effect.fn.Return<
  { readonly repository: Repository; readonly bytesRead: () => number },
  FormatError,
  SqliteEngine | Scope.Scope
> {
  const store = counting(yield* memoryStore.make())
  const repository = yield* Effect.provideService(format.create(secrets, like), ObjectStore, store)
  return { repository, bytesRead: () => store.counts().bytesRead }
})

describe("wrapped repositories", () => {
  for (const [format, secrets] of FORMATS) {
    const name = format.name === "rozen" && format === FORMATS[1]![0] ? "rozen, block version 0" : format.name
    it(`${name}: copies as it does without a wrapper, and reads no more`, () =>
      runFormat(Effect.gen(function* () {
        const run = Effect.fnUntraced(function* (around: (repository: Repository) => Repository) {
          const from = yield* made(format, secrets)
          const to = yield* made(format, secrets)
          const [source, target] = [around(from.repository), around(to.repository)]
          yield* source.backup(walk(TREE), options)
          yield* target.backup(walk(TREE), { ...options, time: options.time - 1000 })
          const before = from.bytesRead()
          const all = yield* Stream.runCollect(copy(source, target))
          const read = from.bytesRead() - before
          assert.deepEqual(all.map(({ outcome }) => outcome), ["copied"])
          const snapshots = yield* target.snapshots
          const last = snapshots.at(-1)!
          return {
            chunks: copiesChunks(source, target),
            known: copies(source, target, yield* source.snapshots, snapshots).size,
            original: last.original !== undefined,
            read,
            facts: yield* factsOf(target.entries({ ...last })),
            findings: (yield* target.check({ readData: 100 })).findings,
            rebuilt: (yield* target.rebuild).findings,
          }
        })
        const { read, ...plain } = yield* run((repository) => repository)
        const { read: readWrapped, ...wrapped } = yield* run(wrap)
        assert.deepEqual(wrapped, plain)
        assert.equal(plain.chunks, name === "rozen")
        // Names and nonces are random, and so are lengths of what is compressed with them.
        assert.ok(Math.abs(readWrapped - read) < 20_000, `${readWrapped} bytes are read instead of ${read}`)
      })))

    it(`${name}: a new repository gets the key of one that is wrapped, or says that it cannot`, () =>
      runFormat(Effect.gen(function* () {
        const { repository } = yield* made(format, secrets)
        const like = yield* Effect.result(made(format, secrets, wrap(repository)))
        if (name !== "rozen") {
          assert.ok(like._tag === "Failure" && like.failure._tag === "RepositoryError")
          return assert.equal(like.failure.reason, "unsupported")
        }
        assert.ok(like._tag === "Success")
        const again = wrap(like.success.repository)
        yield* again.backup(walk(TREE), options)
        const [done] = yield* Stream.runCollect(copy(again, wrap(repository)))
        assert.ok(done?.outcome === "copied" && done.summary.bytesAdded === 200_001)
      })))
  }
})
