/** The file `known_repositories` in the state directory: JSON with an entry for each location. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { xdgDirectory } from "../../adapters/runtime/xdg.ts"

const EntryJson = Schema.Struct({
  location: Schema.String,
  format: Schema.String,
  id: Schema.optionalKey(Schema.String),
  key: Schema.optionalKey(Schema.String),
  epoch: Schema.optionalKey(Schema.Int),
  encrypted: Schema.Boolean,
})
/** A location, and the repository that was there last. */
export interface Entry {
  readonly location: string
  readonly format: string
  /** Absent if the format stores none. */
  readonly id?: string
  /** The fingerprint of its key. Absent if the format has none. */
  readonly key?: string
  /** The highest epoch of its keys that was seen. Absent if the format has none. */
  readonly epoch?: number
  readonly encrypted: boolean
}

const decodeFile = Schema.decodeUnknownOption(
  Schema.Struct({ version: Schema.Literal(1), repositories: Schema.Array(EntryJson) }),
)

/** How many locations are remembered. The one that changed longest ago goes first. */
const MAX_ENTRIES = 10_000
/** The longest file that is read, in bytes. */
const MAX_BYTES = 32 << 20
/** How long to wait for another process that writes, and how often to look, in milliseconds. */
const WAIT_MS = 2000
const POLL_MS = 10
/** A lock older than this was left by a process that was killed, in milliseconds. */
const STALE_MS = 10_000

/** `penstock/known_repositories` in `XDG_STATE_HOME`, or else in `~/.local/state`. */
export const knownRepositoriesFile = (): string =>
  join(xdgDirectory("XDG_STATE_HOME", join(".local", "state")), "known_repositories")

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code

/** The entries, the latest change last. None if there is no file. Throws an error whose message names the file. */
export const readEntries = (file: string): ReadonlyArray<Entry> => {
  let text: string
  try {
    // Without O_NONBLOCK, a FIFO in its place would block until somebody writes to it.
    const fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      if (!fstatSync(fd).isFile()) throw new Error(`${file} is not a file`)
      if (fstatSync(fd).size > MAX_BYTES) throw new Error(`${file} is too long`)
      text = readFileSync(fd, "utf8")
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return []
    throw error
  }
  try {
    return Option.getOrThrow(decodeFile(JSON.parse(text))).repositories
  } catch {
    throw new Error(`${file} is damaged, or of a later version; move it away`)
  }
}

/** Makes a directory and those above it, for the owner only, whatever the umask. */
const makeDirectory = (path: string): void => {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  // Another process may have made it meanwhile: then it is not ours to change.
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700)
}

/** Puts an entry in the place of the one of the same location. Waits for other processes that write. */
export const writeEntry = (file: string, entry: Entry): Effect.Effect<void, Error> =>
  Effect.suspend(() => writeUntil(file, entry, Date.now() + WAIT_MS))

/**
 * The new file is written under the name of a lock, which only one process can create, and is renamed when it is whole.
 * So entries that other processes write meanwhile are kept, and no reader sees half a file.
 */
const writeUntil = (file: string, entry: Entry, until: number): Effect.Effect<void, Error> =>
  Effect.suspend(() => {
    const lock = `${file}.lock`
    let fd: number
    try {
      makeDirectory(dirname(file))
    } catch (error) {
      return Effect.fail(error as Error)
    }
    try {
      fd = openSync(lock, "wx", 0o600)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") return Effect.fail(error as Error)
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
      if (since !== undefined && since < Date.now() - STALE_MS) rmSync(lock, { force: true })
      else if (Date.now() > until) {
        return Effect.fail(new Error(`another process writes to it; if none does, remove ${lock}`))
      }
      return Effect.andThen(Effect.sleep(POLL_MS), writeUntil(file, entry, until))
    }
    try {
      try {
        const others = readEntries(file).filter(({ location }) => location !== entry.location)
        const lines = [...others.slice(1 - MAX_ENTRIES), entry].map((one) => JSON.stringify(one))
        writeFileSync(fd, `{"version":1,"repositories":[\n${lines.join(",\n")}\n]}\n`)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(lock, file)
      return Effect.void
    } catch (error) {
      rmSync(lock, { force: true })
      return Effect.fail(error as Error)
    }
  })
