/** The port that a restore writes to. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TargetError } from "./errors.ts"
import type { Fidelity } from "./fidelity.ts"
import type { Entry } from "./entry.ts"
import type { Overwrite } from "./overwrite.ts"

/** The result for one entry. */
export type Written =
  /**
   * `unchanged`: it was there already, with everything that is restored of it. `kept`: what is in its place was left
   * there, as `overwrite` says. `lost`: what this target cannot hold of it, such as its time, in one sentence.
   * `verified`: its content was read back.
   */
  | {
    readonly path: string
    readonly outcome: "written" | "unchanged" | "kept"
    readonly lost?: string
    readonly verified?: true
  }
  /**
   * `skipped`: this target does not hold such entries; for example, device nodes need an option. `failed`: it could not
   * be written. `message` says why, in one sentence without the path.
   */
  | { readonly path: string; readonly outcome: "skipped" | "failed"; readonly message: string }

/** How to write. */
export interface TargetOptions {
  /**
   * Make device nodes. Default: false, because a hostile archive could otherwise give access to the machine's disks.
   */
  readonly devices?: boolean
  /** Restore owners. Default: true for root, false for other users. */
  readonly owner?: boolean
  /** When to replace what is there already. Default: `always`. */
  readonly overwrite?: Overwrite
  /**
   * Read each file back after its content was written, and compare. One that differs has `failed`. A target in memory
   * has nothing to read back.
   */
  readonly verify?: boolean
}

/** Something that entries can be written to. */
export interface Target {
  /** What the target can keep of an entry. */
  readonly fidelity: Fidelity
  /**
   * Opens `root` for writing, and makes it when it does not exist. Whatever the entries say, the session writes nothing
   * outside of `root`. When the scope closes, directories that are still open get their metadata.
   */
  readonly open: (root: string, options: TargetOptions) => Effect.Effect<TargetSession, TargetError, Scope.Scope>
  /**
   * Tells of which files a session with these options will not read the content, because of what is in their place. It
   * may be asked before the session is opened and while it writes. For the option `lazy` of `Repository.entries`, so
   * that such contents are not fetched. Absent when all contents are read.
   */
  readonly spares?: (
    root: string,
    options: TargetOptions,
  ) => Effect.Effect<(entry: Entry) => boolean, TargetError, Scope.Scope>
}

/** One restore under way. */
export interface TargetSession {
  /**
   * Writes entries, and gives one result for each, in order. Make one call at a time. Over all calls, entries must come
   * depth-first. A file appears under its name only when it is complete. A file that is there already is replaced only
   * when it differs. Directories get their metadata after everything beneath them is written.
   *
   * When a single entry is refused or fails, that is its result. This includes content that cannot be read, such as a
   * damaged block. The effect fails only when going on makes no sense, as when the disk is full.
   */
  readonly write: (entries: ReadonlyArray<Entry>) => Effect.Effect<ReadonlyArray<Written>, TargetError>
  /**
   * Gives the last directories their metadata. Call it once, after the last `write`. It gives another result for each
   * directory whose metadata failed or was `lost`.
   */
  readonly finish: Effect.Effect<ReadonlyArray<Written>, TargetError>
}

/**
 * The service under which a target is provided.
 *
 * @example Write to a target of your own
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect } from "effect"
 * import { memorySource, memoryTarget, Target, write } from "@penstock/penstock"
 *
 * const { fidelity } = memoryTarget()
 * const nowhere: Target = {
 *   fidelity,
 *   open: () =>
 *     Effect.succeed({
 *       write: (entries) => Effect.succeed(entries.map(({ path }) => ({ path, outcome: "written" }))),
 *       finish: Effect.succeed([]),
 *     }),
 * }
 * const entries = memorySource({ "a.txt": { content: "Hello" } }).entries("", {})
 * const { written } = await Effect.runPromise(write("")(entries).pipe(Effect.provideService(Target, nowhere)))
 * assert.equal(written, 2)
 * ```
 */
export const Target: Context.Service<Target, Target> = Context.Service("penstock/Target")
