/**
 * Remembers which repository lies at which location, as this user's commands saw it last. Otherwise, someone who can
 * write to the storage could put another repository there, one without encryption or with forged files, and nobody
 * would notice.
 */
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import { printError } from "../output/streams.ts"
import { knownRepositoriesFile, readEntries, writeEntry } from "./known_repositories_file.ts"
import { databasePath, localPath } from "./location.ts"

/** What is remembered of a repository. */
export interface KnownRepository {
  readonly format: string
  /** Absent if the format stores none. */
  readonly id?: string
  /** The fingerprint of its key. Absent if the format has none. */
  readonly key?: string
  /** The highest epoch of its keys that was seen. Absent if the format has none. */
  readonly epoch?: number
  readonly encrypted: boolean
}

/**
 * One name for a location, however it is written: without settings, and without the password that a location should not
 * have. Links are not followed, so a link that leads elsewhere is noticed. Undefined for a location that is gone when
 * the process ends.
 */
export const locationName = (location: string): string | undefined => {
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

/** What was at a location last, and how to remember what is there now. */
export interface Known {
  readonly before: KnownRepository | undefined
  /** Does nothing if that is what was there last. */
  readonly remember: (repository: KnownRepository) => Effect.Effect<void>
}

/**
 * Looks a location up. `part` says which of several repositories there is meant. If the file cannot be read or written,
 * that is printed unless `quiet`, and the command goes on.
 */
export const knownAt = (location: string, quiet: boolean, part?: string): Effect.Effect<Known> =>
  Effect.sync(() => {
    const nothing: Known = { before: undefined, remember: () => Effect.void }
    const whole = locationName(location)
    if (whole === undefined) return nothing
    const name = part === undefined ? whole : `${whole} ${part}`
    const warn = (what: string) => (error: Error) =>
      Effect.sync(() => {
        if (!quiet) printError(`penstock: cannot ${what}: ${error.message}`)
      })
    try {
      const file = knownRepositoriesFile()
      const before = readEntries(file).find((entry) => entry.location === name)
      return {
        before,
        remember: (repository) =>
          before !== undefined && isSame(before, repository) && before.epoch === repository.epoch
            ? Effect.void
            : Effect.catch(
              writeEntry(file, { location: name, ...repository }),
              warn(`remember which repository lies at ${name}`),
            ),
      }
    } catch (error) {
      return {
        ...nothing,
        remember: () => warn(`tell whether the same repository as last time lies at ${name}`)(error as Error),
      }
    }
  })

/** Whether two are the same repository, as far as that is known. It may be another state of it. */
export const isSame = (one: KnownRepository, other: KnownRepository): boolean =>
  one.format === other.format && one.id === other.id && one.key === other.key && one.encrypted === other.encrypted

/** `rozen, 1a2b3c4d, key 5e6f7a8b`, `bkp, not encrypted`. */
export const describeKnown = ({ encrypted, format, id, key }: KnownRepository): string =>
  [
    format,
    ...id === undefined ? [] : [id.slice(0, 8)],
    ...key === undefined ? [] : [`key ${key.slice(0, 8)}`],
    ...encrypted ? [] : ["not encrypted"],
  ].join(", ")
