/**
 * zprt: one file that holds the latest state of a tree. Each content is compressed with zstd and encrypted with age by
 * itself, so that the `zstd` and `age` commands open it by hand. SPEC.md describes every byte.
 *
 * @module
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Format } from "../format.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { refuseLike, type Secrets } from "../secrets.ts"
import type { Repository } from "../repository.ts"
import { guardedFormat } from "../guard.ts"
import { archiveSize, loadArchive, readEnds, readHead, recognise } from "./archive_read.ts"
import { startArchive } from "./archive_write.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { unsupported } from "./errors.ts"
import { fidelity, recordFidelity } from "./fidelity.ts"
import { writeIndex } from "./index_write.ts"
import { newKeyring, openKeyring } from "./keys.ts"
import { ARCHIVE } from "./layout.ts"
import { newVariant, type Opened, openWith, passwordCost, type ZprtOptions } from "./opened.ts"
import { entries } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { type Recovered, recovered } from "./recover.ts"
import { snapshots } from "./snapshot.ts"

export { ARCHIVE } from "./layout.ts"
export type { IndexLayout } from "./index.ts"
export type { ZprtOptions } from "./opened.ts"
export type { Recovered } from "./recover.ts"

const formatWith = (options: ZprtOptions): Format => ({
  name: "zprt",
  fidelity,
  record: recordFidelity,
  recognise: Effect.flatMap(ObjectStore, recognise),
  create: Effect.fnUntraced(function* (secrets, like) {
    yield* refuseLike("zprt", like)
    const cost = passwordCost(options)
    if (!Number.isInteger(cost) || cost < 10 || cost > 20) {
      return yield* unsupported(`scryptLogN is ${cost}, but must be an integer from 10 to 20`)
    }
    const base = yield* openWith(secrets, options)
    const { location } = base.store.properties
    const exists = new RepositoryError({ reason: "exists", message: `There is something at ${location} already` })
    if ((yield* archiveSize(base.store)) !== undefined) return yield* exists
    const opened: Opened = { ...base, keyring: yield* newKeyring(secrets, base.cipher, cost) }
    yield* Effect.scoped(Effect.gen(function* () {
      const writer = yield* startArchive(opened, { replace: false, slot: true })
      const empty = { contents: [], files: [], directories: [] }
      const archive = yield* writeIndex(opened, writer, empty, newVariant(options))
      yield* writer.commit
      opened.current.archive = archive
    })).pipe(
      Effect.catchTag("StoreError", (error) => Effect.fail(error.reason === "exists" ? exists : error)),
    )
    return repository(opened)
  }),
  open: (secrets) => Effect.map(openArchive(secrets, options), repository),
})

/**
 * Makes the zprt format with other options.
 *
 * @example Encrypt some files for another recipient
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { makeZprt, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import { generateIdentity, identityToRecipient } from "age-encryption"
 * import assert from "node:assert/strict"
 *
 * const mine = await generateIdentity()
 * const auditor = await identityToRecipient(await generateIdentity())
 * const format = makeZprt({ recipientsFor: (path) => path.startsWith("ledger/") ? [auditor] : undefined })
 * const files = ["ledger/2026", "notes"].map((path) =>
 *   ({ path, kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) }) as const
 * )
 *
 * const findings = Effect.gen(function* () {
 *   const repository = yield* format.create({ identities: [Redacted.make(mine)] })
 *   yield* repository.backup(Stream.fromIterable(files), { paths: ["/home/me"] })
 *   return (yield* repository.check({ readData: 100 })).findings
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = findings.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * const [unreadable] = await Effect.runPromise(program)
 * assert.deepEqual(unreadable?.files.map(({ path }) => path), ["ledger/2026"])
 * ```
 */
export const makeZprt = (options: ZprtOptions = {}): Format => guardedFormat(formatWith(options))

/**
 * The zprt format: one archive, encrypted for age recipients or with a password. It keeps paths in UTF-8 and contents
 * of the latest snapshot. `create` and `open` take `identities` and `recipients`, or a `password`.
 *
 * @example Keep the latest state of a tree
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { ObjectStore, zprt } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import { generateIdentity } from "age-encryption"
 * import assert from "node:assert/strict"
 *
 * const secrets = { identities: [Redacted.make(await generateIdentity())] }
 * const file = (path: string) =>
 *   ({ path, kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) }) as const
 *
 * const paths = Effect.gen(function* () {
 *   const repository = yield* zprt.create(secrets)
 *   yield* repository.backup(Stream.succeed(file("old")), { paths: ["/home/me"] })
 *   yield* repository.backup(Stream.succeed(file("new")), { paths: ["/home/me"] })
 *   const [snapshot] = yield* (yield* zprt.open(secrets)).snapshots
 *   return yield* Stream.runCollect(Stream.map(repository.entries(snapshot!), ({ path }) => path))
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = paths.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), ["new"])
 * ```
 */
export const zprt: Format = makeZprt()

/**
 * Reads what is left of a damaged zprt archive: one that was cut off, lost its index, or had bytes appended. Looks
 * through all of it, and changes nothing. Fails with `wrong-key` when the password does not open the archive.
 *
 * @example Read an archive that was cut off
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { ObjectStore, recoverZprt, zprt } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import { generateIdentity } from "age-encryption"
 * import assert from "node:assert/strict"
 *
 * const secrets = { identities: [Redacted.make(await generateIdentity())] }
 * const file = { path: "notes", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const recovered = Effect.gen(function* () {
 *   const store = yield* ObjectStore
 *   yield* (yield* zprt.create(secrets)).backup(Stream.succeed(file), { paths: ["/home/me"] })
 *   const whole = yield* store.get("archive.zprt", { atMost: 1 << 20 })
 *   yield* store.put("archive.zprt", [whole.subarray(0, whole.length - 10)], { replace: true })
 *   const { entries, named } = yield* recoverZprt(secrets)
 *   return { named, paths: yield* Stream.runCollect(Stream.map(entries, ({ path }) => path)) }
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = recovered.pipe(
 *   Effect.scoped,
 *   Effect.provideService(ObjectStore, store),
 *   Effect.provide(accelerators),
 * )
 * assert.deepEqual(await Effect.runPromise(program), { named: true, paths: ["notes"] })
 * ```
 */
export const recover = (secrets: Secrets): Effect.Effect<Recovered, FormatError, ObjectStore> =>
  Effect.flatMap(openDamaged(secrets, {}), recovered)

/** Opens an archive and reads its index. A damaged index is let pass: operations that need it report it. */
const openArchive: (secrets: Secrets, options: ZprtOptions) => Effect.Effect<Opened, FormatError, ObjectStore> = Effect
  .fnUntraced(function* (secrets: Secrets, options: ZprtOptions) {
    const opened = yield* openDamaged(secrets, options)
    yield* Effect.catchTag(
      loadArchive(opened),
      "RepositoryError",
      (error) => error.reason === "corrupt" ? Effect.void : Effect.fail(error),
    )
    return opened
  })

/** Opens an archive without its index. The ends of the archive may be damaged. */
const openDamaged: (secrets: Secrets, options: ZprtOptions) => Effect.Effect<Opened, FormatError, ObjectStore> = Effect
  .fnUntraced(function* (secrets: Secrets, options: ZprtOptions) {
    const base = yield* openWith(secrets, options)
    const head = yield* readEnds(base.store).pipe(
      Effect.flatMap((ends) => readHead(base.store, ends)),
      Effect.catchTag(
        "RepositoryError",
        (error) => error.reason === "corrupt" ? Effect.succeed({ header: undefined }) : Effect.fail(error),
      ),
    )
    return { ...base, keyring: yield* openKeyring(secrets, base.store, head.header, base.cipher) }
  })

const repository = (opened: Opened): Repository => ({
  format: "zprt",
  id: idOf(opened),
  backup: (stream, options) => backup(opened, stream, options),
  snapshots: snapshots(opened),
  entries: (snapshot, options) => entries(opened, snapshot, options),
  storedSizes: (piece) =>
    Effect.map(loadArchive(opened), ({ index }) => {
      for (const { hash, length } of index.contents) piece(hash, length)
    }),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
})

/** The format has no ID of its own, and each run writes a new file. So the ID is made from where the archive lies. */
const idOf = ({ hasher, store }: Opened): string =>
  bytesToHex(hasher.digest(new TextEncoder().encode(`${ARCHIVE}\0${store.properties.location}`)).subarray(0, 16))
