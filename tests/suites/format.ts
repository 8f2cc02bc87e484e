/** The contract of {@link Format}, for any implementation. What a format does not keep is not asked of it. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import { Effect, Redacted, References, type Scope, Stream } from "effect"
import { sqlite } from "../../adapters/catalog/sqlite.ts"
import { nativeAgePayload } from "../../adapters/kernels/age.ts"
import { nativeKernels } from "../../adapters/kernels/native.ts"
import { nativeScrypt } from "../../adapters/kernels/scrypt.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import type {
  BackupOptions,
  BackupSummary,
  Format,
  Progress,
  Repository,
  Secrets,
  SnapshotInfo,
} from "../../formats/format.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { AgePayloadCipher } from "../../stages/encrypt/age_payload.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Content, Entry, Metadata, ReaderContent } from "../../stages/walk/entry.ts"
import { memorySource, memoryTarget, type MemoryTree } from "../../stages/walk/memory.ts"
import { isByteName } from "../../stages/walk/path.ts"
import { type Fidelity, SourceError } from "../../stages/walk/source.ts"
import { Target } from "../../stages/walk/target.ts"
import { write } from "../../stages/walk/write.ts"
import { skipIf } from "../skip.ts"

/** What a format promises beside the contract that all of them have. A string is the reason why it does not. */
export interface FormatTraits {
  /** Opens what `make` gives. A password by default. */
  readonly secrets?: Secrets
  /** Do not open it. Another password by default. */
  readonly wrongSecrets?: Secrets | string
  /** Unchanged files are not opened again. */
  readonly incremental: true | string
  /** A repository holds many snapshots. */
  readonly snapshots: true | string
  /** Several writers at once are safe. */
  readonly concurrent: true | string
  /** Host name, user name, paths and tags of a snapshot are kept. */
  readonly details: true | string
  /** Directories that are not empty are listed. */
  readonly directories: true | string
  /**
   * What tells that a file of this mtime and ctime changed; by default the smallest changes of mtime, ctime and inode.
   */
  readonly changes?: (time: bigint) => ReadonlyArray<Metadata>
  /** Why a snapshot has a parent even when nothing of it was used. */
  readonly chain?: string
}

/** Deterministic bytes that do not compress. */
export const noise = (length: number, seed: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  const words = new Uint32Array(bytes.buffer, 0, length >>> 2)
  let state = (seed * 2654435761 + 1) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  for (let i = 0; i < words.length; i++) words[i] = next()
  for (let i = words.length * 4; i < length; i++) bytes[i] = next()
  return bytes
}

/** Everything that a repository needs, with the native kernels. Warnings are not shown. */
export const runFormat = <A, E>(
  effect: Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(effect).pipe(
      Effect.provide(sqlite),
      Effect.provideService(Kernels, nativeKernels),
      Effect.provideService(Scrypt, nativeScrypt),
      Effect.provideService(AgePayloadCipher, nativeAgePayload),
      Effect.provideService(References.MinimumLogLevel, "None"),
    ),
  )

const sha256 = (parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

/** Reads a content to its end. */
const readAll = (content: Content): Effect.Effect<string, SourceError> => {
  if (content instanceof Uint8Array) return Effect.succeed(sha256([content]))
  if (!Stream.isStream(content)) throw new Error("A repository gives no readers")
  const hash = createHash("sha256")
  return Effect.map(
    Stream.runForEach(content as Stream.Stream<Uint8Array, SourceError>, (bytes) =>
      Effect.sync(() => {
        hash.update(bytes)
      })),
    () => hash.digest("hex"),
  )
}

/** What is known of an entry, its content as a digest, or `damaged` when it is lost. */
export interface Facts {
  readonly kind: string
  readonly metadata: Metadata
  readonly size: number
  readonly content?: string
  readonly damage?: string
  readonly target?: string
  readonly linkTo?: string
  readonly rdev?: Entry["rdev"]
  readonly sparse?: boolean
}

/** The facts of a stream of entries, by path. Fails a test when a path comes twice, or before its directory. */
export const factsOf = <E, R>(
  entries: Stream.Stream<Entry, E, R>,
): Effect.Effect<Map<string, Facts>, E, R> =>
  Effect.gen(function* () {
    const facts = new Map<string, Facts>()
    yield* Stream.runForEach(entries, (entry) =>
      Effect.gen(function* () {
        assert.ok(!facts.has(entry.path), `"${entry.path}" comes twice`)
        const { content, kind, linkTo, metadata, path, rdev, size, sparse, target } = entry
        if (kind === "unreadable") return
        const read = content === undefined ? {} : yield* readAll(content).pipe(
          Effect.map((digest) => ({ content: digest })),
          Effect.catch((error) => {
            assert.equal(error.reason, "damaged", error.message)
            return Effect.succeed({ damage: error.message })
          }),
        )
        facts.set(path, {
          kind,
          metadata,
          size: size ?? 0,
          ...read,
          ...(target === undefined ? {} : { target }),
          ...(linkTo === undefined ? {} : { linkTo }),
          ...(rdev === undefined ? {} : { rdev }),
          ...(sparse === true ? { sparse } : {}),
        })
      }))
    return facts
  })

/** The facts that a format keeps of them. */
export const kept = (
  facts: ReadonlyMap<string, Facts>,
  fidelity: Fidelity,
  traits: Pick<FormatTraits, "directories">,
): Map<string, unknown> => {
  const out = new Map<string, unknown>()
  for (const [path, { linkTo, metadata, sparse, ...fact }] of facts) {
    if (!fidelity.kinds.includes(fact.kind as Entry["kind"])) continue
    if (!fidelity.byteNames && isByteName(path)) continue
    if (fact.kind === "directory" && traits.directories !== true) {
      if (path === "" || [...facts.keys()].some((other) => other.startsWith(`${path}/`))) continue
    }
    out.set(path, {
      ...fact,
      mode: modeKept(fidelity, fact.kind, metadata.mode),
      owner: fidelity.owner ? [metadata.uid, metadata.gid, metadata.user, metadata.group] : undefined,
      mtime: fidelity.mtime === undefined || metadata.mtime === undefined
        ? undefined
        : floorDivide(within(fidelity, metadata.mtime), BigInt(fidelity.mtime)),
      linkTo: fidelity.hardlinks ? linkTo : undefined,
      sparse: fidelity.sparse ? sparse : undefined,
    })
  }
  return out
}

/** The nearest time that is kept. */
const within = ({ mtimeFrom, mtimeTo }: Fidelity, time: bigint): bigint =>
  mtimeFrom !== undefined && time < mtimeFrom ? mtimeFrom : mtimeTo !== undefined && time > mtimeTo ? mtimeTo : time

const floorDivide = (time: bigint, resolution: bigint): bigint =>
  (time - ((time % resolution) + resolution) % resolution) / resolution

const modeKept = (fidelity: Fidelity, kind: string, mode: number | undefined): number | boolean | undefined =>
  fidelity.mode === true
    ? mode
    : fidelity.mode === "execute" && kind === "file"
    ? mode !== undefined && (mode & 0o100) !== 0
    : undefined

export const sorted = (map: ReadonlyMap<string, unknown>): ReadonlyArray<unknown> =>
  [...map].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)

const mtime = 1_600_000_000_123_456_789n

/** A tree with every kind of entry, awkward names, and files of all sizes that matter. */
export const everything = (): MemoryTree => {
  const link = { content: "linked", mode: 0o600, mtime }
  const [symlink, fifo, device] = [
    { symlink: "../twice", mtime },
    { special: "fifo", mode: 0o640, mtime },
    { special: "character", major: 1, minor: 3, mode: 0o660, mtime },
  ] as const
  return {
    "dir/link": symlink,
    "dir/sub/link again": symlink,
    "dir/fifo": fifo,
    "dir/sub/fifo": fifo,
    "dir/device": device,
    "dir/sub/device": device,
    "": { directory: true, mode: 0o755, mtime: 1n },
    "empty": { content: "", mode: 0o600, mtime },
    "one": { content: "x", mode: 0o4755, mtime: -1_000_000_000n, uid: 12, gid: 34, user: "u", group: "g" },
    "same as one": { content: "x", mtime },
    "é \u{1f600}\n": { content: "name", mode: 0o644, mtime },
    "large": { content: noise(300_000, 1), mode: 0o644, mtime },
    "zeros": { content: new Uint8Array(200_000), mode: 0o644, mtime, sparse: true },
    "dir": { directory: true, mode: 0o2750, mtime },
    "dir/hollow": { directory: true, mode: 0o700, mtime },
    "dir/a": link,
    "dir/sub/b": link,
    "dir/sub/text": { content: "text ".repeat(10_000), mtime },
    "link": { symlink: "../no where", mtime },
    "fifo": { special: "fifo", mode: 0o600 },
    "socket": { special: "socket", mode: 0o600 },
    "tty": { special: "character", major: 5, minor: 300, mode: 0o600 },
    "disk": { special: "block", major: 8, minor: 1, mode: 0o600 },
    "bytes \udcff": { content: "\u{1}", mtime },
  }
}

const of = (...entries: ReadonlyArray<Entry>): Stream.Stream<Entry> => Stream.fromIterable(entries)
const file = (path: string, content: Content, size: number | undefined, metadata: Metadata = {}): Entry => ({
  path,
  kind: "file",
  metadata,
  size,
  content,
})
const root: Entry = { path: "", kind: "directory", metadata: {}, size: 0 }

/** Content that fails a test when it is opened. */
const untouchable: ReaderContent = {
  open: () => assert.fail("An unchanged file was opened"),
}

/** A reader that gives `states[n]` when it is opened for the n-th time, and says that it changed but for the last. */
const changing = (
  states: ReadonlyArray<string>,
  settles: boolean,
): ReaderContent & { readonly opened: () => number } => {
  let opened = 0
  return {
    opened: () => opened,
    open: () => {
      const n = Math.min(opened++, states.length - 1)
      const bytes = new TextEncoder().encode(states[n])
      let at = 0
      return {
        read: (into) => {
          const part = bytes.subarray(at, at + into.length)
          into.set(part)
          at += part.length
          return part.length
        },
        finish: () => ({
          changed: !settles || n < states.length - 1,
          size: bytes.length,
          metadata: { mtime: BigInt(n + 1) * 1_000_000_000n },
        }),
        close: () => {},
      }
    },
  }
}

/**
 * Tests a format against the port. `make` gives it with small sizes and a cheap key derivation, where it has such
 * options.
 */
export const formatSuite = (name: string, make: () => Format, traits: FormatTraits): void => {
  const format = make()
  const secrets: Secrets = traits.secrets ?? { password: Redacted.make("correct horse") }
  const { fidelity } = format
  const why = (trait: true | string): string | false => trait === true ? false : trait

  const inStore = <A, E>(
    use: (store: ObjectStore) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  ): Promise<A> =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      return yield* Effect.provideService(use(store), ObjectStore, store)
    }))
  const inRepository = <A, E>(
    use: (repository: Repository) => Effect.Effect<A, E, ObjectStore | SqliteEngine | Scope.Scope>,
  ): Promise<A> => inStore(() => Effect.flatMap(format.create(secrets), use))

  const options: BackupOptions = { paths: ["/home/me"], hostname: "host" }
  const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
  const made = (summary: BackupSummary): SnapshotInfo => summary.snapshot ?? assert.fail("There is no snapshot")
  const clean = (repository: Repository) =>
    Effect.map(repository.check({ readData: 100 }), (summary) => assert.deepEqual(summary.findings, []))
  /** Backs up, restores and compares; gives the facts. */
  const roundTrip = (repository: Repository, tree: MemoryTree) =>
    Effect.gen(function* () {
      const summary = yield* repository.backup(walk(tree), options)
      const restored = yield* factsOf(repository.entries(made(summary)))
      assert.deepEqual(
        sorted(kept(restored, fidelity, traits)),
        sorted(kept(yield* factsOf(walk(tree)), fidelity, traits)),
      )
      return summary
    })

  describe(`format: ${name}`, () => {
    it("keeps times of any year, or counts those that it does not", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n]
          const tree = Object.fromEntries(
            [least - 1_000_000_000n, least, -1n, 0n, most, most + 1n, 8_640_000_000_001n * 1_000_000_000n].map((
              mtime,
              i,
            ) => [`f${i}`, { content: `text ${i}`, mtime }]),
          )
          const summary = yield* roundTrip(repository, tree)
          const out = Object.values(tree).filter(({ mtime }) => within(fidelity, mtime) !== mtime).length
          const lost = summary.losses?.filter(({ what }) => /^mtimes (before|after)/.test(what)) ?? []
          assert.equal(lost.reduce((sum, { entries }) => sum + entries, 0), fidelity.mtime === undefined ? 0 : out)
        })
      ))

    it("counts what its source could not tell", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const entry: Entry = { ...file("a", new Uint8Array(1), 1), lost: "colours" }
          const { losses = [] } = yield* repository.backup(of(root, entry), options)
          assert.deepEqual(losses.filter(({ what }) => what === "colours"), [{
            what: "colours",
            entries: 1,
            example: "a",
          }])
        })
      ))

    it("keeps long paths, or names those that it does not", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const deep = (levels: number): ReadonlyArray<Entry> => [
            ...Array.from({ length: levels }, (_, i): Entry => ({
              path: Array(i + 1).fill(`${levels}`.padEnd(250, "d")).join("/"),
              kind: "directory",
              metadata: {},
              size: 0,
            })),
            file(`${Array(levels).fill(`${levels}`.padEnd(250, "d")).join("/")}/leaf`, new Uint8Array(9), 9),
          ]
          const entries = [root, file("short", new Uint8Array(5), 5), ...deep(20), ...deep(270)]
          const summary = yield* repository.backup(of(...entries), options)
          const restored = yield* factsOf(repository.entries(made(summary)))
          const named = new Set(summary.problems.map(({ path }) => path))
          for (const { kind, path } of entries) {
            if (kind === "directory" && traits.directories !== true) continue
            assert.ok(restored.has(path) !== named.has(path), `${path.length} characters`)
          }
          assert.ok(restored.has("short"))
          // Nothing has paths like the longest.
          assert.ok(named.has(entries.at(-1)!.path))
          yield* clean(repository)
        })
      ))

    it("keeps a tree with every kind of entry", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const tree = everything()
          const summary = yield* roundTrip(repository, tree)
          const given = yield* factsOf(walk(tree))
          const held = ([path, { kind }]: [string, Facts]) =>
            fidelity.kinds.includes(kind as never) && (fidelity.byteNames || !isByteName(path))
          const facts = [...given].filter(held).map(([, fact]) => fact)
          assert.deepEqual(
            summary.problems.map(({ path }) => path).sort(),
            [...given].filter((one) => !held(one)).map(([path]) => path).sort(),
            "each entry that cannot be kept is named, and no other",
          )
          const lost = summary.losses ?? []
          assert.equal(lost.some(({ what }) => what === "owners"), !fidelity.owner)
          assert.equal(lost.some(({ what }) => what === "permissions"), fidelity.mode !== true)
          assert.equal(lost.some(({ what }) => what.includes("mtimes")), fidelity.mtime !== 1)
          assert.equal(lost.some(({ what }) => what.startsWith("hard links")), !fidelity.hardlinks)
          assert.equal(lost.some(({ what }) => what.startsWith("holes")), !fidelity.sparse)
          assert.equal(summary.files, facts.filter(({ kind }) => kind === "file").length)
          assert.equal(summary.bytes, facts.reduce((sum, { size }) => sum + size, 0))
          assert.equal(summary.filesUnchanged, 0)
          assert.ok(summary.bytesStored > 300_000)
          yield* clean(repository)
          const target = memoryTarget()
          const written = yield* repository.entries(made(summary)).pipe(
            write("", { devices: true }),
            Effect.provideService(Target, target),
          )
          assert.deepEqual(written.problems, [])
          assert.equal(written.bytes, summary.bytes)
        })
      ))

    it("keeps it for whoever opens it later", () =>
      inStore(() =>
        Effect.gen(function* () {
          const tree = everything()
          assert.equal(yield* format.recognise, false)
          const first = yield* format.create(secrets)
          assert.equal(yield* format.recognise, true)
          const { snapshot } = yield* first.backup(walk(tree), options)
          const again = yield* format.open(secrets)
          assert.equal(again.id, first.id)
          assert.equal(again.format, first.format)
          const listed = yield* again.snapshots
          assert.deepEqual(listed.map(({ id }) => id), [snapshot!.id])
          const restored = yield* factsOf(again.entries(listed[0]!))
          assert.deepEqual(
            sorted(kept(restored, fidelity, traits)),
            sorted(kept(yield* factsOf(walk(tree)), fidelity, traits)),
          )
        })
      ))

    it("keeps of the record of a snapshot what it says, and no more", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const about = { hostname: "h", username: "ü", paths: ["/a"], tags: ["x"], time: 1_234_567_890_123 }
          yield* repository.backup(walk({ "a": { content: "1" } }), about)
          const [{ hostname, paths, tags, time, username }] = (yield* repository.snapshots) as [SnapshotInfo]
          const { record } = format
          assert.deepEqual({ hostname, username, paths, tags, time }, {
            hostname: record.hostname ? about.hostname : "",
            username: record.username ? about.username : "",
            paths: record.paths ? about.paths : [],
            tags: record.tags ? about.tags : [],
            time: record.time === undefined ? 0 : about.time - about.time % record.time,
          })
        })
      ))

    it(
      ...skipIf(why(traits.details), "lists what it was told of a snapshot"),
      () =>
        inRepository((repository) =>
          Effect.gen(function* () {
            const about = {
              hostname: "h",
              username: "ü",
              paths: ["/a b", "/ü"],
              tags: ["x", ""],
              time: 1_234_567_890_123,
            }
            const summary = yield* repository.backup(walk({ "a/b": { content: "12345" } }), about)
            const [info] = yield* repository.snapshots
            assert.deepEqual(made(summary), info)
            const { machine: _machine, ...told } = info!
            assert.deepEqual(told, { ...about, id: info!.id, files: 1, directories: 2, bytes: 5 })
          })
        ),
    )

    it(
      ...skipIf(why(traits.snapshots), "lists snapshots by time, each with its own tree"),
      () =>
        inRepository((repository) =>
          Effect.gen(function* () {
            const trees: ReadonlyArray<MemoryTree> = [
              { "a": { content: "1" }, "d/b": { content: "2" } },
              { "a": { content: "1!" }, "d": { symlink: "a" } },
              { "a/b": { content: "1" } },
              {},
            ]
            for (const [i, tree] of trees.entries()) {
              yield* repository.backup(walk(tree), { ...options, time: 1_000_000 * (i + 1) })
            }
            const listed = yield* repository.snapshots
            assert.deepEqual(listed.map(({ time }) => time), [1_000_000, 2_000_000, 3_000_000, 4_000_000])
            for (const [i, tree] of trees.entries()) {
              const restored = yield* factsOf(repository.entries(listed[i]!))
              assert.deepEqual(
                sorted(kept(restored, fidelity, traits)),
                sorted(kept(yield* factsOf(walk(tree)), fidelity, traits)),
              )
            }
            yield* clean(repository)
            const only = ({ id }: SnapshotInfo): boolean => id !== listed[1]!.id
            assert.equal((yield* repository.check({ readData: 0, only })).snapshots, 3, "those to look at")
          })
        ),
    )

    it(
      ...skipIf(why(traits.incremental), "does not open files that have not changed"),
      () =>
        inRepository((repository) =>
          Effect.gen(function* () {
            const metadata = { mtime, ctime: mtime, inode: 7n }
            const content = noise(100_000, 2)
            const first = yield* repository.backup(of(root, file("a", content, content.length, metadata)), options)
            const second = yield* repository.backup(
              of(root, file("a", untouchable, content.length, metadata), file("b", new Uint8Array([1]), 1)),
              options,
            )
            assert.equal(second.filesUnchanged, 1)
            assert.equal(second.snapshot!.parent, first.snapshot!.id)
            assert.equal(second.bytesAdded, 1)
            const facts = yield* factsOf(repository.entries(made(second)))
            assert.equal(facts.get("a")!.content, sha256([content]))
            assert.equal(facts.size, 3)
            // Every one of these may be another content.
            const changes = traits.changes?.(mtime) ?? [{ mtime: mtime + 1n }, { ctime: mtime + 1n }, { inode: 8n }]
            for (const [i, change] of changes.entries()) {
              const other = noise(100_000, 3 + i)
              const third = yield* repository.backup(
                of(root, file("a", other, content.length, { ...metadata, ...change })),
                { ...options, parent: second.snapshot!.id },
              )
              assert.equal(third.filesUnchanged, 0)
              const read = yield* factsOf(repository.entries(made(third)))
              assert.equal(read.get("a")!.content, sha256([other]))
            }
            const full = yield* repository.backup(
              of(root, file("a", content, content.length, metadata)),
              { ...options, parent: "none" },
            )
            assert.deepEqual([full.filesUnchanged, full.chunksNew], [0, 0])
            assert.equal(full.snapshot!.parent === undefined, traits.chain === undefined)
            yield* clean(repository)
          })
        ),
    )

    it("gives the entries that are wanted, with what stands for links to others", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const summary = yield* repository.backup(walk(everything()), options)
          const only = (path: string) =>
            factsOf(repository.entries(made(summary), { include: (candidate) => candidate === path }))
          const whole = yield* factsOf(walk(everything()))
          const large = yield* only("large")
          assert.deepEqual([...large.keys()], ["large"])
          assert.equal(large.get("large")!.content, whole.get("large")!.content)
          const link = (yield* only("dir/sub/b")).get("dir/sub/b")!
          assert.equal(link.linkTo, undefined)
          assert.equal(link.content, whole.get("dir/sub/b")!.content)
          assert.equal((yield* only("none")).size, 0)
        })
      ))

    it("takes an empty tree", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const summary = yield* repository.backup(walk({}), options)
          assert.deepEqual([summary.files, summary.bytes, summary.directories], [0, 0, 1])
          const none = yield* repository.backup(of(), options)
          assert.deepEqual([none.files, none.bytes, none.directories], [0, 0, 0])
          assert.equal((yield* factsOf(repository.entries(made(none)))).size, 0)
          yield* clean(repository)
        })
      ))

    it("takes files of several units, and content of unknown size", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const part = noise(1 << 20, 4)
          const parts = Array.from({ length: 30 }, (_, i) => {
            const bytes = part.slice()
            bytes.set(noise(1 << 12, i), i << 12)
            return bytes
          })
          const streamed = Stream.fromIterable(parts)
          const whole = new Uint8Array(30 << 20)
          for (const [i, bytes] of parts.entries()) whole.set(bytes, i << 20)
          const summary = yield* repository.backup(
            of(
              root,
              file("bytes", whole, whole.length),
              file("empty stream", Stream.empty, undefined),
              file("small", new Uint8Array([1, 2, 3]), 3),
              file("stream", streamed, undefined),
            ),
            options,
          )
          assert.equal(summary.bytes, 60 * (1 << 20) + 3)
          const facts = yield* factsOf(repository.entries(made(summary)))
          const digest = sha256(parts)
          assert.deepEqual(
            [...facts].filter(([, { kind }]) => kind === "file").map((
              [path, { content, size }],
            ) => [path, content, size]),
            [
              ["bytes", digest, 30 << 20],
              ["empty stream", sha256([]), 0],
              ["small", sha256([new Uint8Array([1, 2, 3])]), 3],
              ["stream", digest, 30 << 20],
            ],
          )
          assert.ok(summary.bytesAdded <= 31 << 20, "equal content is stored once")
        })
      ))

    it("tells progress that never goes back, nor beyond what there is", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const tree = Object.fromEntries(
            Array.from({ length: 24 }, (_, i) => [`d${i % 5}/f${i}`, { content: noise(3000 * (24 - i), i) }]),
          )
          const large = noise(5 << 20, 30)
          const entries = Stream.concat(
            walk({ ...tree, "large": { content: large } }),
            of(
              file("stream", Stream.succeed(large), large.length),
              file("trickle", Stream.succeed(noise(1 << 20, 31)), undefined),
            ),
          )
          const told: Array<Progress> = []
          const summary = yield* repository.backup(entries, { ...options, progress: (now) => told.push(now) })
          assert.ok(told.length > 1)
          for (const count of ["bytes", "files", "directories"] as const) {
            const counts = told.map((now) => now[count])
            assert.deepEqual(counts, counts.toSorted((a, b) => a - b), `${count} go back`)
            assert.ok(counts.at(-1)! <= summary[count], `${counts.at(-1)} ${count} of ${summary[count]}`)
          }
        })
      ))

    it("reports what cannot be read, and keeps the rest", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const error = (path: string) => new SourceError({ reason: "io", path, message: "The disk is broken" })
          const summary = yield* repository.backup(
            of(
              root,
              { path: "denied", kind: "unreadable", metadata: {}, size: 0, problem: "Permission denied" },
              file("fails at once", {
                open: () => {
                  throw error("fails at once")
                },
              }, 3),
              file("fails later", {
                open: () => ({
                  read: (into) => {
                    if (into.length > 0) throw error("fails later")
                    return 0
                  },
                  finish: () => assert.fail("It was not read to the end"),
                  close: () => {},
                }),
              }, 3),
              file("good", new Uint8Array([9]), 1),
              file(
                "stream",
                Stream.concat(Stream.succeed(noise(100_000, 5)), Stream.fail(error("stream"))),
                undefined,
              ),
              file("zebra", new Uint8Array([10]), 1),
            ),
            options,
          )
          assert.deepEqual(summary.problems.map(({ message, path }) => [path, message]), [
            ["denied", "Permission denied"],
            ["fails at once", "The disk is broken"],
            ["fails later", "The disk is broken"],
            ["stream", "The disk is broken"],
          ])
          const facts = yield* factsOf(repository.entries(made(summary)))
          assert.deepEqual([...facts.keys()].filter((path) => path !== ""), ["good", "zebra"])
          yield* clean(repository)
        })
      ))

    it("reads a file again that changed while it was read, and reports one that always does", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const once = changing(["before", "after!!"], true)
          const always = changing(["1", "22", "333"], false)
          const summary = yield* repository.backup(
            of(root, file("always", always, 1, { mode: 0o600 }), file("once", once, 6, { mode: 0o600 })),
            options,
          )
          assert.equal(once.opened(), 2)
          assert.equal(always.opened(), 2)
          assert.deepEqual(summary.problems.map(({ path }) => path), ["always"])
          const facts = yield* factsOf(repository.entries(made(summary)))
          const digest = (text: string) => sha256([new TextEncoder().encode(text)])
          assert.deepEqual(
            ["once", "always"].map((path) => [facts.get(path)!.size, facts.get(path)!.content]),
            [[7, digest("after!!")], [2, digest("22")]],
          )
          if (fidelity.mode === true) assert.equal(facts.get("once")!.metadata.mode, 0o600)
          if (fidelity.mtime !== undefined) assert.equal(facts.get("once")!.metadata.mtime, 2_000_000_000n)
          yield* clean(repository)
        })
      ))

    it("refuses a path that comes twice", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const twice = of(root, file("a", new Uint8Array([1]), 1), file("a", new Uint8Array([2]), 1))
          const error = yield* Effect.flip(repository.backup(twice, options))
          assert.equal(error._tag, "RepositoryError")
          assert.match(error.message, /"?a"?/)
          assert.deepEqual(yield* repository.snapshots, [])
          yield* clean(repository)
        })
      ))

    it("fails with what the source fails with, and makes no snapshot", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const error = new SourceError({ reason: "not-found", path: "/x", message: "There is no /x" })
          const failing = Stream.concat(of(root, file("a", noise(500_000, 6), 500_000)), Stream.fail(error))
          assert.equal(yield* Effect.flip(repository.backup(failing, options)), error)
          assert.deepEqual(yield* repository.snapshots, [])
          yield* clean(repository)
        })
      ))

    it("writes nothing in a dry run", () =>
      inStore((store) =>
        Effect.gen(function* () {
          const repository = yield* format.create(secrets)
          const before = yield* Stream.runCollect(store.list(""))
          const summary = yield* repository.backup(walk(everything()), { ...options, dryRun: true })
          assert.equal(summary.snapshot, undefined)
          assert.ok(summary.bytes > 500_000)
          assert.deepEqual(yield* Stream.runCollect(store.list("")), before)
        })
      ))

    it("says why it cannot be opened or made", () =>
      inStore(() =>
        Effect.gen(function* () {
          const none = yield* Effect.flip(format.open(secrets))
          assert.deepEqual([none._tag, none.reason], ["RepositoryError", "none"])
          yield* format.create(secrets)
          const exists = yield* Effect.flip(format.create(secrets))
          assert.deepEqual([exists._tag, exists.reason], ["RepositoryError", "exists"])
        })
      ))

    const wrong = traits.wrongSecrets ?? { password: Redacted.make("correct horse ") }
    it(
      ...skipIf(typeof wrong === "string" && wrong, "does not open with other secrets"),
      () =>
        inStore(() =>
          Effect.gen(function* () {
            yield* format.create(secrets)
            for (const other of [wrong as Secrets, {}]) {
              const error = yield* Effect.flip(format.open(other))
              assert.deepEqual([error._tag, error.reason], ["RepositoryError", "wrong-key"])
            }
          })
        ),
    )

    it("ignores no secret: one that it does not take is refused", () =>
      inStore(() =>
        Effect.gen(function* () {
          const others: Secrets = {
            password: Redacted.make("correct horse"),
            recipients: ["age1x"],
            identities: [Redacted.make("AGE-SECRET-KEY-1X")],
            key: Redacted.make(new Uint8Array(32)),
          }
          const tries = Object.entries(others).filter(([name]) => !(name in secrets))
            .map(([name, value]): Secrets => ({ ...secrets, [name]: value }))
          assert.ok(tries.length > 0)
          const refused = ["unused-secret", "unsupported"]
          for (const more of tries) {
            const fresh = yield* memoryStore.make()
            // One that is not refused is used: without it, nothing opens.
            const error = yield* format.create(more).pipe(
              Effect.andThen(format.open(secrets)),
              Effect.flip,
              Effect.provideService(ObjectStore, fresh),
            )
            assert.ok([...refused, "wrong-key"].includes(error.reason), `${Object.keys(more)}: ${error.reason}`)
          }
          yield* format.create(secrets)
          for (const more of tries) {
            const error = yield* Effect.flip(format.open(more))
            assert.ok(refused.includes(error.reason), `${Object.keys(more)}: ${error.reason}`)
          }
        })
      ))

    it("knows no snapshot that is not there", () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const { snapshot } = yield* repository.backup(walk({}), options)
          const unknown = { ...snapshot!, id: "00".repeat(32) }
          const error = yield* Effect.flip(Stream.runCollect(repository.entries(unknown)))
          assert.deepEqual([error._tag, error.reason], ["RepositoryError", "unknown-snapshot"])
          if (traits.incremental === true) {
            const parent = yield* Effect.flip(repository.backup(walk({}), { ...options, parent: "00".repeat(32) }))
            assert.deepEqual([parent._tag, parent.reason], ["RepositoryError", "unknown-snapshot"])
          }
        })
      ))

    it(
      ...skipIf(why(traits.concurrent), "takes several backups at once"),
      () =>
        inStore(() =>
          Effect.gen(function* () {
            yield* format.create(secrets)
            const shared = noise(300_000, 7)
            const trees = Array.from({ length: 4 }, (_, i): MemoryTree => ({
              "shared": { content: shared },
              [`own ${i}`]: { content: noise(200_000, 8 + i) },
            }))
            yield* Effect.forEach(trees, (tree, i) =>
              Effect.gen(function* () {
                const repository = yield* format.open(secrets)
                yield* repository.backup(walk(tree), { ...options, hostname: `host ${i}` })
              }), { concurrency: "unbounded" })
            const repository = yield* format.open(secrets)
            const listed = yield* repository.snapshots
            assert.equal(new Set(listed.map(({ id }) => id)).size, 4)
            for (const snapshot of listed) {
              const tree = trees[Number(snapshot.hostname.slice(-1))]!
              const restored = yield* factsOf(repository.entries(snapshot))
              assert.deepEqual(
                sorted(kept(restored, fidelity, traits)),
                sorted(kept(yield* factsOf(walk(tree)), fidelity, traits)),
              )
            }
            yield* clean(repository)
          })
        ),
    )
  })
}
