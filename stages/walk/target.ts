/** The port that a restore writes to. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TargetError } from "./errors.ts"
import type { Fidelity } from "./fidelity.ts"
import type { Entry } from "./entry.ts"

/** What became of one entry. */
export type Written =
  /**
   * `unchanged`: it was there already with all that is restored of it. `lost`: what this target cannot hold of it, such
   * as its time.
   */
  | { readonly path: string; readonly outcome: "written" | "unchanged"; readonly lost?: string }
  /** `skipped`: this target cannot hold it (a device node without the flag, say). `failed`: see `message`. */
  | { readonly path: string; readonly outcome: "skipped" | "failed"; readonly message: string }

/** How to write. */
export interface TargetOptions {
  /** Make device nodes. Off by default: a hostile archive could otherwise open the machine's disks. */
  readonly devices?: boolean
  /** Restore owners. By default when running as root. */
  readonly owner?: boolean
}

/** Somewhere to write entries. */
export interface Target {
  /** What the target can keep of an entry. */
  readonly fidelity: Fidelity
  /**
   * Opens `root` for writing, creating it when absent. What the session writes is beneath `root` whatever the entries
   * say. Closing the scope finishes directories that are still open.
   */
  readonly open: (root: string, options: TargetOptions) => Effect.Effect<TargetSession, TargetError, Scope.Scope>
}

/** One restore under way. */
export interface TargetSession {
  /**
   * Writes entries, which arrive depth-first over all calls, one call at a time; one result for each, in order. A file
   * appears under its name only when it is complete; one that is there already is replaced only when it differs.
   * Directories get their metadata when everything beneath them is written. Refusals and failures of single entries are
   * results; the effect fails only when going on makes no sense (the disk is full). Content that cannot be read (a
   * damaged block) fails its entry only.
   */
  readonly write: (entries: ReadonlyArray<Entry>) => Effect.Effect<ReadonlyArray<Written>, TargetError>
  /**
   * Gives the last directories their metadata. To be called once, after the last `write`. Its results are what failed or
   * is `lost` of directories that `write` gave results for.
   */
  readonly finish: Effect.Effect<ReadonlyArray<Written>, TargetError>
}

/** The service under which a target is provided. */
export const Target: Context.Service<Target, Target> = Context.Service("penstock/Target")
