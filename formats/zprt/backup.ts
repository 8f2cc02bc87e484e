/**
 * Makes a new archive, which at the end takes the place of the old one. SPEC.md, "Writing".
 *
 * The common pipeline of stages does not fit. A content is not cut into chunks that are gathered into blocks: it is one
 * age file of one zstd stream, so that the `age` and `zstd` commands can open it. Contents lie in random order, so most
 * are stored only when the walk is over. There is no catalog to compare with, so every file is read.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { makeMeter } from "../../stages/run/progress.ts"
import { discarding } from "../../stages/store/discarding.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath } from "../../stages/walk/path.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import type { BackupOptions, BackupSummary } from "../repository.ts"
import { chooseParent } from "../parent.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { Archive } from "./archive.ts"
import { loadArchive, readEnds, readHead } from "./archive_read.ts"
import { startArchive } from "./archive_write.ts"
import { ContentWriter } from "./content_write.ts"
import { unsupported } from "./errors.ts"
import { fidelity } from "./fidelity.ts"
import { writeIndex } from "./index_write.ts"
import { type Keyring, newKeyring } from "./keys.ts"
import { ARCHIVE } from "./layout.ts"
import { type Opened, passwordCost } from "./opened.ts"
import { randomNumbers, shuffle } from "./shuffle.ts"
import { infoOf } from "./snapshot.ts"
import { WalkedTree } from "./walked_tree.ts"

/** How many files are read, compressed and encrypted at once. */
const CONCURRENCY = 4
/**
 * How many bytes of contents that are in memory already may wait. Beyond that, those so far are stored, in random order
 * among themselves.
 */
const PENDING_BYTES = 64 << 20

/** Makes an archive of the entries. Fails with `exists` when another run has replaced the old archive meanwhile. */
export const backup = <E, R>(
  opened: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
): Effect.Effect<BackupSummary, FormatError | E, R> => Effect.scoped(makeArchive(opened, entries, options)) as never

const makeArchive = Effect.fnUntraced(
  function* <E, R>(given: Opened, entries: Stream.Stream<Entry, E, R>, options: BackupOptions) {
    const old = yield* loadArchive(given)
    if (options.parent !== undefined && options.parent !== "none") {
      yield* chooseParent([old], options, ({ id }) => ({ id, hostname: "", paths: [], time: 0 }))
    }
    const keyring = yield* writingKeyring(given)
    const dry = options.dryRun === true
    const opened: Opened = { ...given, keyring, ...(dry ? { store: discarding(given.store) } : {}) }
    const writer = yield* startArchive(opened, { replace: true, slot: true })

    const meter = makeMeter(options.progress)
    const contents = new ContentWriter(opened, writer, options.parent === "none" ? undefined : old.index, meter.read)
    const losses = new Losses()
    const tree = new WalkedTree(meter)
    const random = randomNumbers(opened.options.seed)
    yield* entries.pipe(
      represent(fidelity, losses),
      Stream.runForEach((entry) => takeEntry(tree, contents, random, entry)),
    )
    yield* storePending(tree, contents, random)

    const archive = yield* writeIndex(opened, writer, tree.toIndex(contents), old.variant)
    yield* ensureUnchanged(given, old)
    yield* writer.commit
    const { bytesAdded, chunksNew } = contents.stats
    const summary: BackupSummary = {
      ...tree.counts,
      others: 0,
      filesUnchanged: 0,
      bytesAdded,
      bytesStored: writer.position(),
      chunksNew,
      chunksReused: tree.counts.files - chunksNew,
      problems: tree.sortedProblems(),
      losses: losses.all,
    }
    if (dry) return summary
    given.current.archive = archive
    return { ...summary, snapshot: infoOf(archive) }
  },
)

/**
 * The keyring for new contents. An archive of another program in which every age file is for a passphrase has no
 * identity of its own; it gets one now.
 */
const writingKeyring = (opened: Opened): Effect.Effect<Keyring, RepositoryError> =>
  opened.keyring.recipients.length > 0
    ? Effect.succeed(opened.keyring)
    : newKeyring(opened.secrets, opened.cipher, passwordCost(opened.options))

const takeEntry: (
  tree: WalkedTree,
  contents: ContentWriter,
  random: () => number,
  entry: Entry,
) => Effect.Effect<void, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (tree: WalkedTree, contents: ContentWriter, random: () => number, entry: Entry) {
    const { content = new Uint8Array(0), kind, path, problem, size } = entry
    if (kind === "unreadable") {
      tree.problems.push({ path, message: problem ?? "It could not be read" })
      return
    }
    if (!tree.claim(path)) {
      return yield* unsupported(`The path "${displayPath(path)}" comes twice, and an archive holds each path once`)
    }
    if (kind !== "file") return tree.addDirectory(path)
    if (!Stream.isStream(content)) tree.addPending({ path, size, content, counted: false })
    else {
      const taken = yield* contents.takeStream({ path, size, content, counted: false })
      if ("counted" in taken) tree.addPending(taken)
      else tree.addStored(taken)
    }
    if (tree.pendingBytes > PENDING_BYTES) yield* storePending(tree, contents, random)
  },
)

/** Stores the contents that wait, in random order. */
const storePending = (
  tree: WalkedTree,
  contents: ContentWriter,
  random: () => number,
): Effect.Effect<void, RepositoryError | StoreError> =>
  Effect.suspend(() =>
    Stream.fromIterable(shuffle(tree.takePending(), random)).pipe(
      Stream.mapEffect((file) => contents.prepare(file), { concurrency: CONCURRENCY }),
      Stream.runForEach((append) => Effect.map(append, (stored) => tree.addStored(stored))),
    )
  )

/**
 * Fails when another run has replaced the archive meanwhile: that archive would be lost, and contents that were copied
 * may be from either.
 */
const ensureUnchanged: (opened: Opened, old: Archive) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
  function* ({ store }: Opened, old: Archive) {
    const { fingerprint } = yield* readHead(store, yield* readEnds(store))
    if (fingerprint === old.fingerprint) return
    return yield* new RepositoryError({
      reason: "exists",
      object: ARCHIVE,
      message: `Another run has replaced the archive ${store.properties.location} meanwhile; run this one again`,
    })
  },
)
