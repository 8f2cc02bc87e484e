/** What a backup leaves out because the user says so, and which patterns matched nothing. */
import * as Effect from "effect/Effect"
import { type Excludes as Matcher, makeExcludes } from "../../stages/walk/ignore.ts"
import { UsageError } from "../process/usage_error.ts"
import { parsePattern, type Pattern, patternAt, patternPlace } from "../selection/pattern.ts"
import { patternsIn } from "../selection/pattern_file.ts"

/** What to leave out. */
export interface Excludes {
  /**
   * Rules in gitignore syntax for the files beneath an absolute path. `all` is the pattern that leaves out everything
   * there.
   */
  readonly beneath: (path: string) => { readonly rules: ReadonlyArray<string>; readonly all: string | undefined }
  /** To be called with each path that a rule has left out beneath an absolute path. */
  readonly left: (root: string, path: string, directory: boolean) => void
  /** The patterns, as they were given, that have left out nothing so far. */
  readonly unused: () => ReadonlyArray<string>
}

/** Collects the patterns of `--exclude` and `--exclude-file`. `paths` are to be backed up, as they were typed. */
export const excludesOf: (
  patterns: ReadonlyArray<string>,
  files: ReadonlyArray<string>,
  paths: ReadonlyArray<string>,
) => Effect.Effect<Excludes, UsageError> = Effect.fnUntraced(function* (patterns, files, paths) {
  const given = [...patterns]
  for (const file of files) given.push(...yield* patternsIn(file))
  const parsed: Array<Pattern> = []
  for (const pattern of given) {
    const one = parsePattern(pattern, paths)
    if (typeof one === "string") return yield* new UsageError({ message: one })
    parsed.push(one)
  }
  return collectExcludes(parsed)
})

const collectExcludes = (patterns: ReadonlyArray<Pattern>): Excludes => {
  const unused = new Set(patterns.filter(({ negated }) => !negated))
  const matchers = new Map<string, Map<Pattern, Matcher | undefined>>()
  return {
    beneath: (path) => {
      const place = patternPlace(path, "")
      const rules: Array<string> = []
      const own = new Map<Pattern, Matcher | undefined>()
      let all: string | undefined
      for (const pattern of patterns) {
        const placed = patternAt(pattern, place)
        rules.push(...placed.rules)
        if (pattern.negated) {
          all = undefined
          continue
        }
        if (placed.all) all = pattern.given
        if (placed.all) unused.delete(pattern)
        own.set(pattern, makeExcludes(placed.rules))
      }
      matchers.set(path, own)
      return { rules, all }
    },
    left: (root, path, directory) => {
      if (unused.size === 0) return
      const own = matchers.get(root)
      for (const pattern of unused) {
        if (own?.get(pattern)?.(path, directory) === true) unused.delete(pattern)
      }
    },
    unused: () => [...unused].map(({ given }) => given),
  }
}
