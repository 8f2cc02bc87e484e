/** What a walk leaves out: paths that match gitignore patterns, and cache directories. */
import ignore, { type Ignore } from "ignore"

/**
 * Whether to leave out the entry at `path`, which is relative to the root and not `""`. Its parents are taken as not
 * left out, because the walk came through them.
 */
export type Excludes = (path: string, directory: boolean) => boolean

/** The library remembers every path that it was asked about. After this many, a new instance bounds the memory. */
const QUESTIONS_PER_INSTANCE = 4096

/**
 * Makes a function that matches paths against patterns in gitignore syntax. Later patterns win; `!` takes a match back;
 * a trailing `/` matches directories only; a pattern with a `/` elsewhere is anchored at the root; letter case counts.
 * As in git, nothing beneath a directory that is left out can be taken back, because a walk does not descend into it.
 * Returns undefined when there are no patterns. `anyCase`: letter case does not count.
 */
export const makeExcludes = (
  patterns: ReadonlyArray<string> | undefined,
  { anyCase = false }: { readonly anyCase?: boolean } = {},
): Excludes | undefined => {
  if (patterns === undefined || patterns.length === 0) return undefined
  const rules = ignore({ ignorecase: anyCase }).add(patterns)
  let instance: Ignore = rules
  let questions = 0
  return (path, directory) => {
    if (++questions > QUESTIONS_PER_INSTANCE) {
      instance = ignore({ ignorecase: anyCase }).add(rules)
      questions = 0
    }
    return instance.ignores(directory ? `${path}/` : path)
  }
}

/** Name of the file that tags a directory as a cache. Source: https://bford.info/cachedir/ */
export const CACHE_TAG = "CACHEDIR.TAG"

const signature: Uint8Array = new TextEncoder().encode("Signature: 8a477f597d28d172789f06886806bc55")

/** How many bytes of a tag file {@link isCacheTag} needs. */
export const CACHE_TAG_BYTES: number = signature.length

/** Whether a `CACHEDIR.TAG` that begins with these bytes is a valid tag. */
export const isCacheTag = (start: Uint8Array): boolean =>
  start.length >= signature.length && signature.every((byte, i) => byte === start[i])
