/** A repository that somebody has wrapped does what it does without the wrapper, and reads no more. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { counting } from "../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { convert } from "../../formats/convert.ts"
import { copies, copiesChunks, copy } from "../../formats/copy.ts"
import type { FormatError } from "../../formats/error.ts"
import { fogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { Repository } from "../../formats/repository.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { makeZprt } from "../../formats/zprt/mod.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { runFormat } from "../suites/format/environment.ts"
import { factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"

const scrypt = { n: 1024, r: 8, p: 1 }
const password = { password: Redacted.make("secret") }
const FORMATS: ReadonlyArray<readonly [name: string, Format, Secrets]> = [
  ["rozen", makeRozen({ scrypt, average: 16 << 10 }), password],
  ["rozen, block version 0", makeRozen({ scrypt, version: 0 }), password],
  ["zprt", makeZprt({ scryptLogN: 10 }), password],
  ["bkp", makeBkp({ iterations: 10 }), password],
  ["snapshot-catalog", makeSnapshotCatalog({ average: 16 << 10 }), {}],
  ["fogsync", fogsync, { key: Redacted.make(new Uint8Array(32)) }],
]

const TREE: MemoryTree = { "a": { content: noise(200_000, 1), mtime: 1n }, "d/b": { content: "b", mtime: 2n } }
const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
const options = { paths: ["/x"], hostname: "h", time: 1_600_000_000_000 }

/** What somebody may put around a repository. `seen` counts how often each member is asked for. */
type Wrap = (repository: Repository, seen: Map<PropertyKey, number>) => Repository

const count = (seen: Map<PropertyKey, number>, member: PropertyKey): void =>
  void seen.set(member, (seen.get(member) ?? 0) + 1)

const wraps: Readonly<Record<string, Wrap>> = {
  "an object with the same members": (repository, seen) => {
    const wrapped: Repository = {
      format: repository.format,
      id: repository.id,
      inside: repository.inside,
      backup: (entries, options) => {
        count(seen, "backup")
        return repository.backup(entries, options)
      },
      snapshots: Effect.suspend(() => {
        count(seen, "snapshots")
        return repository.snapshots
      }),
      entries: (snapshot, options) => {
        count(seen, "entries")
        return repository.entries({ ...snapshot }, options)
      },
      check: (options) => {
        count(seen, "check")
        return repository.check(options)
      },
      rebuild: Effect.suspend(() => {
        count(seen, "rebuild")
        return repository.rebuild
      }),
      ...(repository.copier === undefined ? {} : {
        copier: (from) => {
          count(seen, "copier")
          return repository.copier!(from)
        },
      }),
    }
    return wrapped
  },
  "a proxy": (repository, seen) =>
    new Proxy(repository, {
      get: (target, member) => {
        count(seen, member)
        return Reflect.get(target, member) as unknown
      },
    }),
}

/** Makes a repository in a new store, with the key of another if there is `like`. */
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

/** Uses two repositories in every way. Gives what came of it, and the bytes that were read of the source. */
const useAll = Effect.fnUntraced(function* (
  format: Format,
  secrets: Secrets,
  around: (repository: Repository) => Repository,
) {
  const from = yield* made(format, secrets)
  const to = yield* made(format, secrets)
  const other = yield* made(makeSnapshotCatalog(), {})
  const [source, target, converted] = [around(from.repository), around(to.repository), around(other.repository)]
  yield* source.backup(walk(TREE), options)
  yield* target.backup(walk(TREE), { ...options, time: options.time - 1000 })
  const before = from.bytesRead()
  const copied = yield* Stream.runCollect(copy(source, target))
  const read = from.bytesRead() - before
  const snapshots = yield* target.snapshots
  const last = snapshots.at(-1)!
  return {
    read,
    result: {
      outcomes: [...copied, ...yield* Stream.runCollect(convert(source, converted))].map(({ outcome }) => outcome),
      chunks: copiesChunks(source, target),
      known: copies(source, target, yield* source.snapshots, snapshots).size,
      original: last.original !== undefined,
      facts: [
        yield* factsOf(target.entries({ ...last })),
        yield* factsOf(converted.entries((yield* converted.snapshots).at(-1)!)),
      ],
      findings: (yield* target.check({ readData: 100 })).findings,
      rebuilt: (yield* target.rebuild).findings,
    },
  }
})

describe("wrapped repositories", () => {
  for (const [name, format, secrets] of FORMATS) {
    for (const [kind, wrap] of Object.entries(wraps)) {
      it(`${name} in ${kind}: does all that it does without, and reads no more`, () =>
        runFormat(Effect.gen(function* () {
          const seen = new Map<PropertyKey, number>()
          const plain = yield* useAll(format, secrets, (repository) => repository)
          const wrapped = yield* useAll(format, secrets, (repository) => wrap(repository, seen))
          assert.deepEqual(wrapped.result, plain.result)
          assert.deepEqual(plain.result.outcomes, ["copied", "converted"])
          assert.equal(plain.result.chunks, name === "rozen")
          // Names and nonces are random, and so are the lengths of what is compressed with them.
          assert.ok(
            Math.abs(wrapped.read - plain.read) < 20_000,
            `${wrapped.read} bytes are read instead of ${plain.read}`,
          )
          for (const member of ["backup", "snapshots", "entries", "check", "rebuild"]) {
            assert.ok((seen.get(member) ?? 0) > 0, `${member} goes round the wrapper`)
          }
          if (name === "rozen") assert.ok((seen.get("copier") ?? 0) > 0, "the copy goes round the wrapper")
        })))

      it(`${name} in ${kind}: gives its key to a new repository, or says that it cannot`, () =>
        runFormat(Effect.gen(function* () {
          const { repository } = yield* made(format, secrets)
          const wrapped = (one: Repository) => wrap(one, new Map())
          const like = yield* Effect.result(made(format, secrets, wrapped(repository)))
          if (name !== "rozen") {
            assert.ok(like._tag === "Failure" && like.failure._tag === "RepositoryError")
            return assert.equal(like.failure.reason, "unsupported")
          }
          assert.ok(like._tag === "Success")
          const again = wrapped(like.success.repository)
          yield* again.backup(walk(TREE), options)
          const [done] = yield* Stream.runCollect(copy(again, wrapped(repository)))
          assert.ok(done?.outcome === "copied" && done.summary.bytesAdded === 200_001)
        })))
    }
  }
})
