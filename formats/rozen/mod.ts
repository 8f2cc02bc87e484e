/**
 * The rozen format, block version 1: the default repository. SPEC.md describes every byte.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { MODE_LEVELS } from "../../stages/compress/adaptive_zstd.ts"
import { Ed25519, provenEd25519 } from "../../stages/sign/sign.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { treeFidelity } from "../../stages/walk/fidelity.ts"
import { RepositoryError } from "../error.ts"
import type { Format } from "../format.ts"
import { guardedFormat } from "../guard.ts"
import { wholeRecord } from "../record_fidelity.ts"
import type { Repository } from "../repository.ts"
import { backup } from "./backup.ts"
import { check } from "./check.ts"
import { CONFIG, configOf, isThere, readVersion, versionOf, withConfig } from "./config.ts"
import { makeCopier } from "./copy.ts"
import { admitSecrets, createObjects, noRepository } from "./create.ts"
import { makeInspection } from "./inspect.ts"
import type { ScryptCost } from "./key_lock.ts"
import type { KeyOptions } from "./key_make.ts"
import { hasLock, keyNames } from "./key_read.ts"
import { fingerprintOf } from "./keyring.ts"
import { newSecret } from "./keys.ts"
import { type LayoutOptions, makeLayout } from "./layout.ts"
import { openSecrets } from "./open_secrets.ts"
import type { Opened } from "./opened.ts"
import { makeReader } from "./read.ts"
import { rebuild } from "./rebuild.ts"
import { makeKeys } from "./repository_keys.ts"
import { withinRole } from "./role_limits.ts"
import { storedSizes } from "./stored_sizes.ts"
import { makeRozenV0, type RozenV0Options, storedVersion } from "./v0/mod.ts"

/** How repositories are made and written. Any repository can be read, whatever the options. */
export interface RozenOptions extends LayoutOptions {
  /** Cost of scrypt for new passwords: 32 MiB and three passes by default. */
  readonly scrypt?: ScryptCost
  /** Who makes keys, `user@host`: each key says it. Empty by default. */
  readonly by?: string
  /** Block version of a repository that is made; 1 by default. An existing repository keeps its own. */
  readonly version?: 0 | 1
}

const formatWith = (options: RozenOptions): Format => ({
  name: "rozen",
  fidelity: treeFidelity,
  record: wholeRecord,
  // Not the snapshots: a number may be given again. Not the logs: only a rebuild reads them, and it wants what the
  // store has.
  cacheable: { config: CONFIG, holds: (name) => /^INDEX\/.*\.(map|catmap|cat)$/.test(name) },
  recognise: Effect.flatMap(ObjectStore, isThere),
  create: Effect.fnUntraced(function* (secrets, like) {
    if (options.version === 0) {
      return yield* makeRozenV0(optionsV0(options)).create(secrets, like)
    }
    yield* admitSecrets(secrets, "rozen", false)
    const store = yield* ObjectStore
    const engine = yield* SqliteEngine
    const keys = keyOptions(options)
    const { config, ...opening } = yield* createObjects(store, { version: 1, secrets, keys, chunks: chunksLike(like) })
    const layout = makeLayout(opening.keyring, options)
    return repositoryOf({ id: opening.keyring.id, opening, store, engine, layout, config }, keys)
  }),
  open: Effect.fnUntraced(function* (secrets) {
    yield* admitSecrets(secrets, "rozen", true)
    const store = yield* ObjectStore
    const engine = yield* SqliteEngine
    const [stored, keys] = yield* Effect.all([readVersion(store), keyNames(store)], { concurrency: 2 })
    if (stored === undefined && !hasLock(keys) && secrets.paper === undefined) return yield* noRepository(store)
    const version = versionOf(stored) ?? (yield* storedVersion(store))
    if (version === 0) return yield* makeRozenV0(optionsV0(options)).open(secrets)
    const opening = yield* openSecrets(store, secrets, stored, keys)
    const config = configOf(provenEd25519(yield* Ed25519), 1, opening)
    const layout = makeLayout(opening.keyring, options)
    const opened = { id: opening.keyring.id, opening, store, engine, layout, config }
    const repository = repositoryOf(opened, keyOptions(options))
    return yield* withConfig(stored, store, config, repository)
  }),
})

/**
 * Makes the rozen format with the given options.
 *
 * @example Make a repository with larger chunks and packs
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { makeRozen, ObjectStore } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const summary = Effect.gen(function* () {
 *   const format = makeRozen({ average: 4 << 20, packBytes: 64 << 20, compression: "max" })
 *   const repository = yield* format.create({ password: Redacted.make("correct horse battery staple") })
 *   return yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"] })
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = summary.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.equal((await Effect.runPromise(program)).bytesAdded, 2)
 * ```
 */
export const makeRozen = (options: RozenOptions = {}): Format => guardedFormat(formatWith(options))

/** The same for repositories of block version 0. */
const optionsV0 = ({ by, compression = "auto", scrypt }: RozenOptions): RozenV0Options => ({
  compression: compression === "off" ? "none" : "zstd",
  level: MODE_LEVELS[compression],
  ...(scrypt === undefined ? {} : { scrypt }),
  ...(by === undefined ? {} : { by }),
})

const keyOptions = ({ by, scrypt: cost }: RozenOptions): KeyOptions => ({ by, cost })

/**
 * The rozen format with its default options: the default repository. It takes a password, age keys or a key file.
 *
 * @example Back up a file, and read it again
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { contentStream, ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const contents = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("correct horse battery staple") })
 *   const { snapshot } = yield* repository.backup(Stream.succeed(file), { paths: ["/home/me"], hostname: "laptop" })
 *   const text = (stored: Parameters<typeof contentStream>[0]) =>
 *     Stream.mkString(Stream.decodeText(contentStream(stored)))
 *   const files = repository.entries(snapshot!).pipe(Stream.filter(({ kind }) => kind === "file"))
 *   return yield* Stream.runCollect(Stream.mapEffect(files, text))
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = contents.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), ["hi"])
 * ```
 */
export const rozen: Format = makeRozen()

/** What one repository of this format knows of another: see `Repository.inside`. */
class Inside {
  readonly #opened: Opened

  constructor(opened: Opened) {
    this.#opened = opened
  }

  static of({ inside }: Repository): Opened | undefined {
    return inside instanceof Inside ? inside.#opened : undefined
  }
}

/** The secret of the chunks of another repository, or a new one when there is no other. */
const chunksLike = (like: Repository | undefined): Effect.Effect<Redacted.Redacted<Uint8Array>, RepositoryError> =>
  Effect.suspend(() => {
    const chunks = like === undefined ? newSecret() : Inside.of(like)?.opening.keyring.chunks
    return chunks !== undefined ? Effect.succeed(chunks) : Effect.fail(
      new RepositoryError({
        reason: "unsupported",
        message: "Only a repository of the format rozen, of block version 1, can give its key to a new one",
      }),
    )
  })

const repositoryOf = (opened: Opened, options: KeyOptions): Repository =>
  withinRole(wholeRepository(opened, options), opened.opening)

/** What an owner can do. */
const wholeRepository = (opened: Opened, options: KeyOptions): Repository => ({
  format: "rozen",
  id: opened.id,
  fingerprint: fingerprintOf(opened.opening.keyring),
  epoch: opened.opening.pin.epoch,
  inside: new Inside(opened),
  inspection: makeInspection(opened),
  order: "files-first",
  ...makeReader(opened),
  backup: (entries, options) => backup(opened, entries, options),
  storedSizes: storedSizes(opened),
  check: (options) => check(opened, options),
  rebuild: rebuild(opened),
  keys: makeKeys({ ...opened, options, roles: ["owner", "reader", "writer"], snapshotsOf: () => Effect.succeed([]) }),
  copier: (from) => {
    const source = Inside.of(from)
    return source === undefined ? undefined : makeCopier(source, opened)
  },
})
