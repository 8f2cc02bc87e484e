/** Shared by the tests of zprt: puts archives together by hand, from any plain index. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { zstdCompressSync } from "node:zlib"
import { Encrypter } from "age-encryption"
import { Effect, Redacted, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { BackupOptions, Repository } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { ARCHIVE, makeZprt } from "../../../formats/zprt/mod.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { newIdentity, recipientOf } from "../../../stages/encrypt/age.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import { runFormat } from "../../suites/format/environment.ts"

/** Two people, each with an identity. */
export const alice: Redacted.Redacted<string> = await Effect.runPromise(newIdentity)
export const bob: Redacted.Redacted<string> = await Effect.runPromise(newIdentity)
export const toAlice: string = await Effect.runPromise(recipientOf(alice))
export const toBob: string = await Effect.runPromise(recipientOf(bob))
export const secrets: Secrets = { identities: [alice] }

export const MAGIC: Uint8Array = Buffer.from("1d9b817c860495a9", "hex")
export const options: BackupOptions = { paths: ["/x"] }

export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** An age file of zstd, made by the libraries alone. */
export const ageFile = async (content: Uint8Array, recipient: string = toAlice, level = 3): Promise<Uint8Array> => {
  const encrypter = new Encrypter()
  encrypter.addRecipient(recipient)
  return await encrypter.encrypt(new Uint8Array(zstdCompressSync(content, { params: { 100: level } })))
}

/** Each number as a u64 LE. */
export const numbers = (...values: ReadonlyArray<number | bigint>): Uint8Array => {
  const out = Buffer.alloc(8 * values.length)
  values.forEach((value, i) => out.writeBigUInt64LE(BigInt(value), 8 * i))
  return out
}
export const text = (value: string | Uint8Array): Uint8Array => {
  const bytes = Buffer.from(value)
  return Buffer.concat([numbers(bytes.length), bytes])
}
/** A path of these components. */
export const path = (...names: ReadonlyArray<string | Uint8Array>): Uint8Array =>
  Buffer.concat([numbers(names.length), ...names.map(text)])
export const list = (...items: ReadonlyArray<Uint8Array>): Uint8Array =>
  Buffer.concat([numbers(items.length), ...items])

/** An archive of these stored contents and this stored index. */
export const assembleArchive = (
  contents: ReadonlyArray<Uint8Array>,
  index: Uint8Array,
  trailer: "length" | "position" = "length",
): Uint8Array => {
  const start = 8 + contents.reduce((sum, { length }) => sum + length, 0)
  return Buffer.concat([MAGIC, ...contents, index, numbers(trailer === "length" ? index.length : start), MAGIC])
}

/** Runs with a store that holds the archive, or with an empty store. */
export const inStore = <A, E>(
  archive: Uint8Array | undefined,
  use: (store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
): Promise<A> =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    if (archive !== undefined) yield* store.put(ARCHIVE, [archive])
    return yield* Effect.provideService(use(store), ObjectStore, store)
  }))

/** A new archive with a tree in it. */
export const archiveOf = (
  tree: MemoryTree,
  format: Format = makeZprt(),
  given: Secrets = secrets,
): Promise<Uint8Array> =>
  inStore(undefined, (store) =>
    Effect.gen(function* () {
      const repository = yield* format.create(given)
      yield* repository.backup(walk(tree), options)
      return yield* store.get(ARCHIVE, { atMost: Infinity })
    }))

/** A short content as text; a long one as its length and hash. */
export const brief = (content: Uint8Array): string =>
  content.length < 100
    ? Buffer.from(content).toString()
    : `${content.length} bytes, SHA-256 ${createHash("sha256").update(content).digest("hex")}`

/** All entries of an archive by path: the content as text, `<reason>` if it cannot be read, null for a directory. */
export const contentsOf = (repository: Repository): Effect.Effect<Record<string, string | null>, unknown> =>
  Effect.gen(function* () {
    const [snapshot] = yield* repository.snapshots
    return snapshot === undefined ? {} : yield* textsOf(repository.entries(snapshot))
  })

export const textsOf = <E>(entries: Stream.Stream<Entry, E>): Effect.Effect<Record<string, string | null>, E> =>
  Effect.gen(function* () {
    const found: Record<string, string | null> = {}
    yield* Stream.runForEach(entries, (entry) =>
      Effect.gen(function* () {
        assert.ok(!(entry.path in found))
        found[entry.path] = entry.kind === "directory" ? null : yield* Stream.runCollect(contentStream(entry)).pipe(
          Effect.map((parts) => brief(Buffer.concat([...parts]))),
          Effect.catch(({ reason }) => Effect.succeed(`<${reason}>`)),
        )
      }))
    return found
  })

/** All entries of an archive by path, read with the secrets. */
export const read = (archive: Uint8Array, given: Secrets = secrets): Promise<Record<string, string | null>> =>
  inStore(archive, () => Effect.flatMap(makeZprt().open(given), contentsOf))

/** Reason and message of the error from an archive that cannot be read. */
export const refused = async (archive: Uint8Array, given: Secrets = secrets): Promise<readonly [string, string]> => {
  const failed = await inStore(
    archive,
    () => Effect.result(Effect.flatMap(makeZprt().open(given), ({ snapshots }) => snapshots)),
  )
  assert.ok(failed._tag === "Failure", "It was not refused")
  const error = failed.failure as { readonly _tag: string; readonly reason: string; readonly message: string }
  assert.equal(error._tag, "RepositoryError", error.message)
  return [error.reason, error.message]
}

/** The bytes of the archive of a store. */
export const stored = (store: ObjectStore): Effect.Effect<Uint8Array, StoreError> =>
  store.get(ARCHIVE, { atMost: Infinity })

/** Alice's identity, as in a file of identities. */
export const identityText: string = Redacted.value(alice)
