/** Why a location cannot be used: what lies there is not what was expected. */
import { quoted } from "../../adapters/runtime/quote.ts"
import { RepositoryError } from "../../formats/error.ts"
import type { RepositoryOptions } from "../arguments/inputs.ts"
import type { SecretNames } from "../secrets/password.ts"
import { describeKnown, type KnownRepository } from "./known_repositories.ts"
import { danglingLink, databasePath, localPath } from "./location.ts"
import type { OpenMode } from "./open_mode.ts"

/** The repository at the location is not the one that was there last. */
export const anotherAt = (
  location: string,
  before: KnownRepository,
  now: KnownRepository,
  { options }: SecretNames,
): RepositoryError =>
  new RepositoryError({
    reason: "foreign",
    message: `Another repository lies at ${location} than last time (${describeKnown(now)}; it was ${
      describeKnown(before)
    }): if you put it there, give ${options}new-repository; if not, somebody else may have`,
  })

/** This machine sees the repository for the first time, and nothing in it is proven to be of the right owner. */
export const notPinned = (location: string, fingerprint: string): string =>
  `this machine has not seen the repository at ${location} before, and an age identity does not tell whether it is ` +
  `the right one: compare its key ${fingerprint.slice(0, 16)} with that in the known_repositories of a machine that has`

/** The repository has an earlier epoch than this machine has seen: an old copy of it, or of `KEYS/`, was put back. */
export const rolledBack = (location: string, seen: number, epoch: number, { options }: SecretNames): RepositoryError =>
  new RepositoryError({
    reason: "foreign",
    message:
      `The repository at ${location} was put back to an earlier state: its keys are of epoch ${epoch}, and this ` +
      `machine has seen epoch ${seen}; if you put an old copy back, give ${options}new-repository; if not, somebody ` +
      "else may have",
  })

/**
 * The location, or a directory above it, is a link to nowhere. Its disk may not be mounted, so nothing is made in its
 * place.
 */
export const nowhereAt = (location: string): RepositoryError | undefined => {
  const path = localPath(location) ?? databasePath(location)
  const found = path === undefined ? undefined : danglingLink(path)
  return found === undefined ? undefined : new RepositoryError({
    reason: "none",
    message: `${found.link} is a symbolic link to ${found.target}, which is not there: is its disk mounted?`,
  })
}

/** There is no repository, and `mode` does not allow to make one. Undefined if it does. */
export const noneAt = (
  location: string,
  mode: OpenMode,
  before: KnownRepository | undefined,
  names: SecretNames,
  { newRepository }: RepositoryOptions,
): RepositoryError | undefined => {
  const none = (message: string) => new RepositoryError({ reason: "none", message })
  const gone = before === undefined
    ? `There is no repository at ${location}`
    : `There is no repository at ${location} any more, where one was (${describeKnown(before)}): is its disk mounted?`
  const make = (how: string) => `${before === undefined ? `; make one with` : ` To make another`}: ${how}`
  if (mode === "open") return none(`${gone}${make(`penstock init -r ${quoted(location)}`)}`)
  if (mode === "either" && before !== undefined && !newRepository) {
    return none(`${gone}${make(`give ${names.options}new-repository`)}`)
  }
  return undefined
}
