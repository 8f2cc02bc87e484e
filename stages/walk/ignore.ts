/** What a walk leaves out: gitignore patterns and cache directories. */
import ignore, { type Ignore } from "ignore"

/**
 * Whether the entry at `path` (relative to the root, not `""`) is left out. Parents are taken to be walked, so not left
 * out.
 */
export type Excludes = (path: string, directory: boolean) => boolean

/**
 * The library keeps every path it was asked about; a new instance takes over after so many, so memory stays bounded.
 */
const QUESTIONS_PER_INSTANCE = 4096

/**
 * Matches paths against patterns in gitignore syntax: later patterns win, `!` takes back, a trailing `/` matches
 * directories only, a pattern with a `/` elsewhere is anchored at the root; letter case counts. What is beneath a
 * directory that is left out cannot be taken back, as in git: a walk does not descend into it. Undefined when there are
 * no patterns.
 */
export const makeExcludes = (patterns: ReadonlyArray<string> | undefined): Excludes | undefined => {
  if (patterns === undefined || patterns.length === 0) return undefined
  const rules = ignore({ ignorecase: false }).add(patterns)
  let instance: Ignore = rules
  let questions = 0
  return (path, directory) => {
    if (++questions > QUESTIONS_PER_INSTANCE) {
      instance = ignore({ ignorecase: false }).add(rules)
      questions = 0
    }
    return instance.ignores(directory ? `${path}/` : path)
  }
}

/** Name of the file that tags a directory as a cache. Source: https://bford.info/cachedir/ */
export const CACHE_TAG = "CACHEDIR.TAG"

const signature: Uint8Array = new TextEncoder().encode("Signature: 8a477f597d28d172789f06886806bc55")

/** Bytes of a tag file that {@link isCacheTag} needs to see. */
export const CACHE_TAG_BYTES: number = signature.length

/** Whether a `CACHEDIR.TAG` that starts with these bytes is a valid tag. */
export const isCacheTag = (start: Uint8Array): boolean =>
  start.length >= signature.length && signature.every((byte, i) => byte === start[i])
