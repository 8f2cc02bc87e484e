/** The last stage of a restore: writes entries to a target. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { giveBack } from "../memory/lent.ts"
import type { Entry } from "./entry.ts"
import type { TargetError } from "./errors.ts"
import { Target, type TargetOptions, type Written } from "./target.ts"

/** What a restore did. */
export interface WriteSummary {
  /** Entries that were made or changed. */
  readonly written: number
  /** Entries that were there already, the same. */
  readonly unchanged: number
  /** Files whose content was read back, as the option `verify` asks for. */
  readonly verified: number
  /** Entries in whose place something was left, as the option `overwrite` says. */
  readonly kept: number
  /** Bytes of content of the files that were written or unchanged. */
  readonly bytes: number
  /** What the target cannot hold of entries that were written or unchanged. */
  readonly losses: ReadonlyArray<{ readonly path: string; readonly lost: string }>
  /** Entries that were skipped or failed, and why. */
  readonly problems: ReadonlyArray<Extract<Written, { readonly message: string }>>
}

/** Functions that are called as a restore goes on. */
export interface WriteObserver {
  /** Called before entries are written. */
  readonly writing?: (entries: ReadonlyArray<Entry>) => void
  /** Called before this many bytes of a content that is a stream are written. */
  readonly content?: (entry: Entry, bytes: number) => void
  /** Called with entries and their results, in the same order. A content in memory may be freed by then. */
  readonly written?: (entries: ReadonlyArray<Entry>, results: ReadonlyArray<Written>) => void
  /** Called at the end with the directories whose metadata failed or was lost after `written` was called for them. */
  readonly finished?: (results: ReadonlyArray<Written>) => void
}

/** How to write. */
export interface TargetWriteOptions extends TargetOptions {
  /** Observes the restore. */
  readonly observer?: WriteObserver
}

/**
 * Writes entries beneath a root of the {@link Target}: the inverse of `walk`. The target is opened when the first
 * entries come, or at the end when there are none. Entries that cannot be written are in the summary. Fails as the
 * stream does, and with `TargetError` when it makes no sense to go on, for example when the disk is full.
 *
 * It gives back the contents that `contents` lent as soon as they are written. Their memory is freed then, so copy what
 * you want to keep.
 *
 * @example Write a tree to memory
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { memorySource, memoryTargetLayer, write } from "@penstock/penstock"
 *
 * const entries = memorySource({ "a.txt": { content: "Hello" } }).entries("", {})
 * const { bytes, written } = await Effect.runPromise(write("")(entries).pipe(Effect.provide(memoryTargetLayer)))
 * assert.deepEqual([written, bytes], [2, 5])
 * ```
 */
export const write = (
  root: string,
  options: TargetWriteOptions = {},
): <E, R>(self: Stream.Stream<Entry, E, R>) => Effect.Effect<WriteSummary, E | TargetError, R | Target> =>
<E, R>(self: Stream.Stream<Entry, E, R>): Effect.Effect<WriteSummary, E | TargetError, R | Target> =>
  Effect.scoped(Effect.gen(function* () {
    const { observer = {}, ...targetOptions } = options
    const target = yield* Target
    const session = yield* Effect.cached(target.open(root, targetOptions))
    const summary = {
      written: 0,
      unchanged: 0,
      kept: 0,
      verified: 0,
      bytes: 0,
      losses: [] as Losses,
      problems: [] as Problems,
    }
    yield* Stream.runForEachArray(
      self,
      Effect.fnUntraced(function* (entries) {
        observer.writing?.(entries)
        const observed = observer.content === undefined ? entries : entries.map(observeContent(observer.content))
        const results = yield* (yield* session).write(observed)
        giveBackContents(entries)
        for (const [i, result] of results.entries()) {
          if ("message" in result) continue
          summary[result.outcome]++
          if (result.verified === true) summary.verified++
          if (result.outcome !== "kept") summary.bytes += entries[i]!.size ?? 0
        }
        addProblems(summary, results)
        observer.written?.(entries, results)
      }),
    )
    const results = yield* (yield* session).finish
    addProblems(summary, results)
    observer.finished?.(results)
    return summary
  }))

type Problems = Array<WriteSummary["problems"][number]>
type Losses = Array<WriteSummary["losses"][number]>

const addProblems = (
  { losses, problems }: { readonly losses: Losses; readonly problems: Problems },
  results: ReadonlyArray<Written>,
): void => {
  for (const result of results) {
    if ("message" in result) problems.push(result)
    else if (result.lost !== undefined) losses.push({ path: result.path, lost: result.lost })
  }
}

/** Reports the bytes of a content that is a stream. */
const observeContent = (observe: NonNullable<WriteObserver["content"]>) => (entry: Entry): Entry => {
  const { content } = entry
  if (!Stream.isStream(content)) return entry
  return {
    ...entry,
    content: Stream.map(content, (bytes) => {
      observe(entry, bytes.length)
      return bytes
    }),
  }
}

const giveBackContents = (entries: ReadonlyArray<Entry>): void => {
  for (const { content } of entries) if (content instanceof Uint8Array) giveBack([content])
}
