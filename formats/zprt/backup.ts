/** Makes a new archive, which takes the place of the old one at its end. SPEC.md, "Writing". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { makeMeter, type Meter } from "../../stages/run/progress.ts"
import { discarding } from "../../stages/store/discarding.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath, parentPath } from "../../stages/walk/path.ts"
import { Losses, represent } from "../../stages/walk/represent.ts"
import type { BackupOptions, BackupSummary } from "../repository.ts"
import { chooseParent } from "../parent.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { type Archive, loadArchive, readEnds, readHead } from "./archive_read.ts"
import { startArchive, writeIndex } from "./archive_write.ts"
import { ContentWriter, type Done, type Waiting } from "./content_write.ts"
import { unsupported } from "./errors.ts"
import { fidelity } from "./fidelity.ts"
import { type Index, inOrder } from "./index.ts"
import { newKeyring } from "./keys.ts"
import { ARCHIVE } from "./layout.ts"
import { type Opened, passwordCost } from "./opened.ts"
import { infoOf } from "./read.ts"
import { randomNumbers, shuffle } from "./shuffle.ts"

/** Files that are read, compressed and encrypted at once. */
const CONCURRENCY = 4
/**
 * Contents in memory already that wait for their turn, in bytes: beyond, those so far are stored, in random order among
 * themselves.
 */
const WAITING_BYTES = 64 << 20

export const backup = <E, R>(
  given: Opened,
  entries: Stream.Stream<Entry, E, R>,
  options: BackupOptions,
): Effect.Effect<BackupSummary, FormatError | E, R> => Effect.scoped(run(given, entries, options)) as never

const run = Effect.fnUntraced(
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
    const tree = new Collected(meter)
    const random = randomNumbers(opened.options.seed)
    yield* entries.pipe(
      represent(fidelity, losses),
      Stream.runForEach((entry) => take(tree, contents, random, entry)),
    )
    yield* storeWaiting(tree, contents, random)

    const index = tree.index(contents)
    const archive = yield* writeIndex(opened, writer, index, old.variant)
    yield* checkUnchanged(given, old)
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
      problems: tree.problems,
      losses: losses.all,
    }
    if (dry) return summary
    given.current.archive = archive
    return { ...summary, snapshot: infoOf(archive) }
  },
)

/**
 * The keyring that new contents are written with. An archive of others with a password has no identity of its own: it gets
 * one.
 */
const writingKeyring = (opened: Opened): Effect.Effect<Opened["keyring"], RepositoryError> =>
  opened.keyring.recipients.length > 0
    ? Effect.succeed(opened.keyring)
    : newKeyring(opened.secrets, opened.cipher, passwordCost(opened.options))

/** What was walked so far. */
class Collected {
  readonly #meter: Meter
  readonly #paths = new Set<string>()
  readonly #directories: Array<string> = []
  readonly #files: Array<Done & { readonly slot: NonNullable<Done["slot"]> }> = []
  readonly problems: Array<{ readonly path: string; readonly message: string }> = []
  readonly #counts = { files: 0, directories: 0, bytes: 0 }
  waiting: Array<Waiting> = []
  waitingBytes = 0

  constructor(meter: Meter) {
    this.#meter = meter
  }

  get counts(): { readonly files: number; readonly directories: number; readonly bytes: number } {
    return this.#counts
  }

  /** False when the path came before. */
  claim(path: string): boolean {
    if (this.#paths.has(path)) return false
    this.#paths.add(path)
    return true
  }

  directory(path: string): void {
    this.#counts.directories++
    if (path !== "") this.#directories.push(path)
    this.#meter.recorded({ ...this.#counts, path })
  }

  wait(file: Waiting): void {
    this.waiting.push(file)
    if (file.content instanceof Uint8Array) this.waitingBytes += file.content.length
  }

  done(file: Done): void {
    const { path, problem, size, slot } = file
    if (problem !== undefined) this.problems.push({ path, message: problem })
    if (slot === undefined) return
    this.#files.push({ ...file, slot })
    this.#counts.files++
    this.#counts.bytes += size
    this.#meter.recorded({ ...this.#counts, path })
  }

  /** Of directories only those with nothing in them that is stored. */
  index({ contents }: ContentWriter): Index {
    const files = this.#files.map(({ path, slot }) => ({ path, content: slot.stored! }))
    const occupied = new Set<string>()
    const occupy = (path: string): void => {
      for (let at = parentPath(path); at !== "" && !occupied.has(at); at = parentPath(at)) occupied.add(at)
    }
    for (const { path } of files) occupy(path)
    // A walk gives what is in a directory after it.
    const directories = this.#directories.toReversed().filter((path) => {
      if (occupied.has(path)) return false
      occupy(path)
      return true
    })
    // Sorted as everything that is listed here: the order of the walk would be lost anyway.
    this.problems.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
    return inOrder({ contents, files, directories })
  }
}

const take: (
  tree: Collected,
  contents: ContentWriter,
  random: () => number,
  entry: Entry,
) => Effect.Effect<void, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (tree: Collected, contents: ContentWriter, random: () => number, entry: Entry) {
    const { content = new Uint8Array(0), kind, path, problem, size } = entry
    if (kind === "unreadable") {
      tree.problems.push({ path, message: problem ?? "It could not be read" })
      return
    }
    if (!tree.claim(path)) {
      return yield* unsupported(`The path "${displayPath(path)}" comes twice, and an archive holds each path once`)
    }
    if (kind !== "file") return tree.directory(path)
    if (!Stream.isStream(content)) tree.wait({ path, size, content })
    else {
      const taken = yield* contents.stream({ path, size, content })
      if ("slot" in taken) tree.done(taken)
      else tree.wait(taken)
    }
    if (tree.waitingBytes > WAITING_BYTES) yield* storeWaiting(tree, contents, random)
  },
)

/** Stores what waits, in random order. */
const storeWaiting = (
  tree: Collected,
  contents: ContentWriter,
  random: () => number,
): Effect.Effect<void, RepositoryError | StoreError> =>
  Effect.suspend(() => {
    const files = shuffle(tree.waiting, random)
    tree.waiting = []
    tree.waitingBytes = 0
    return Stream.fromIterable(files).pipe(
      Stream.mapEffect((file) => contents.prepare(file), { concurrency: CONCURRENCY }),
      Stream.runForEach((store) => Effect.map(store(contents), (done) => tree.done(done))),
    )
  })

/**
 * Fails when another run has replaced the archive meanwhile: its contents would be lost, and what was copied may be of
 * either.
 */
const checkUnchanged: (opened: Opened, old: Archive) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
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
