/**
 * Which repository lies at which location, as this user's commands saw it last: `known_repositories` in the state
 * directory. Who can write to the storage could otherwise put another repository there, one that is not encrypted or
 * that holds forged files, and nobody would notice.
 */
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
import { dirname, join, resolve } from "node:path"
import { xdgDirectory } from "../../adapters/runtime/xdg.ts"
import { printError } from "../output/output.ts"
import { databasePath, localPath } from "../source/roots.ts"

/** What is remembered of a repository. */
export interface KnownRepository {
  readonly format: string
  /** Absent where the format has none of its own. */
  readonly id?: string
  readonly encrypted: boolean
}

const Entry = Schema.Struct({
  location: Schema.String,
  format: Schema.String,
  id: Schema.optionalKey(Schema.String),
  encrypted: Schema.Boolean,
})
type Entry = typeof Entry.Type
const decode = Schema.decodeUnknownOption(
  Schema.Struct({ version: Schema.Literal(1), repositories: Schema.Array(Entry) }),
)

/** Locations that are remembered; the one whose last change is the longest ago goes first. */
const ENTRIES = 10_000
/** The file is not longer, in bytes. */
const MAXIMUM = 32 << 20
/** How long to wait for another process that writes, and between looking, in milliseconds. */
const WAIT_MS = 2000
const POLL_MS = 10
/** A lock this old was left by a process that was killed, in milliseconds. */
const STALE_MS = 10_000

/** `penstock/known_repositories` in `XDG_STATE_HOME`, else in `~/.local/state`. */
export const knownRepositoriesFile = (): string =>
  join(xdgDirectory("XDG_STATE_HOME", join(".local", "state")), "known_repositories")

/**
 * The name of a place, however its location is written: without settings, and without a password, which no location
 * should have. Undefined for one that is gone when the process ends. Links are not followed: a link that leads
 * elsewhere is noticed.
 */
export const placeOf = (location: string): string | undefined => {
  if (/^memory:/i.test(location)) return undefined
  const path = localPath(location)
  if (path !== undefined) return path
  const database = databasePath(location)
  if (database !== undefined) return `sqlite:${resolve(database)}`
  const [place, settings] = location.replace(/#.*$/s, "").split("?", 2)
  const endpoint = new URLSearchParams(settings).get("endpoint")
  const bare = place!.replace(/^([a-z0-9+.-]+:(?:\/\/)?[^/@:]*):[^/@]*@/i, "$1@").replace(/\/+$/, "")
  return endpoint === null ? bare : `${bare}?endpoint=${endpoint.replace(/\/\/[^/@]*@/, "//")}`
}

/** What was seen at a location last, and how to remember what is there now. */
export interface Known {
  readonly before: KnownRepository | undefined
  /** Does nothing when that is what was seen last. */
  readonly remember: (repository: KnownRepository) => Effect.Effect<void>
}

/**
 * Looks a location up, and of several repositories there the one that `part` says. What keeps that, or remembering,
 * from being done is told unless `quiet`, and the command goes on.
 */
export const knownAt = (location: string, quiet: boolean, part?: string): Effect.Effect<Known> =>
  Effect.sync(() => {
    const nothing: Known = { before: undefined, remember: () => Effect.void }
    const whole = placeOf(location)
    if (whole === undefined) return nothing
    const place = part === undefined ? whole : `${whole} ${part}`
    const tell = (what: string) => (error: Error) =>
      Effect.sync(() => {
        if (!quiet) printError(`penstock: cannot ${what}: ${error.message}`)
      })
    try {
      const file = knownRepositoriesFile()
      const before = read(file).find((entry) => entry.location === place)
      return {
        before,
        remember: (repository) =>
          before !== undefined && isSame(before, repository) ? Effect.void : Effect.catch(
            write(file, { location: place, ...repository }, Date.now() + WAIT_MS),
            tell(`remember which repository lies at ${place}`),
          ),
      }
    } catch (error) {
      return {
        ...nothing,
        remember: () => tell(`tell whether the same repository as last time lies at ${place}`)(error as Error),
      }
    }
  })

/** Whether they are the same, as far as is known. */
export const isSame = (one: KnownRepository, other: KnownRepository): boolean =>
  one.format === other.format && one.id === other.id && one.encrypted === other.encrypted

/** In a few words. */
export const describeKnown = ({ encrypted, format, id }: KnownRepository): string =>
  [format, ...id === undefined ? [] : [id.slice(0, 8)], ...encrypted ? [] : ["not encrypted"]].join(", ")

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code

/** Throws an error whose message names the file. */
const read = (file: string): ReadonlyArray<Entry> => {
  let text: string
  try {
    // A FIFO in its place would be waited for.
    const fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      if (!fstatSync(fd).isFile()) throw new Error(`${file} is not a file`)
      if (fstatSync(fd).size > MAXIMUM) throw new Error(`${file} is too long`)
      text = readFileSync(fd, "utf8")
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return []
    throw error
  }
  try {
    return Option.getOrThrow(decode(JSON.parse(text))).repositories
  } catch {
    throw new Error(`${file} is damaged, or of a later version; move it away`)
  }
}

/** Makes a directory and what is missing above it, for the owner only, whatever the umask. */
const makeDirectory = (path: string): void => {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  // Another process may have made it meanwhile.
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700)
}

/**
 * The new file is written as a lock, which only one process has at a time, and gets its name when it is whole: so what
 * others remember meanwhile is not lost, and no reader sees half of it.
 */
const write = (file: string, entry: Entry, until: number): Effect.Effect<void, Error> =>
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
      return Effect.andThen(Effect.sleep(POLL_MS), write(file, entry, until))
    }
    try {
      try {
        const others = read(file).filter(({ location }) => location !== entry.location)
        const lines = [...others.slice(1 - ENTRIES), entry].map((one) => JSON.stringify(one))
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
