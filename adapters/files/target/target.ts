/** The file system of this machine as a {@link Target}. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Entry } from "../../../stages/walk/entry.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import { Target, type TargetSession, type Written } from "../../../stages/walk/target.ts"
import { DESCRIPTORS } from "../system/descriptors.ts"
import { targetError } from "../system/errno.ts"
import { BYTE_NAMES, WRITE_TIME_RESOLUTION } from "../system/native.ts"
import { sparesOf } from "./in_place.ts"
import { LocalSession } from "./session.ts"
import { outcomeOf, writeLarge, writeSmall } from "./write_entry.ts"

/** Other fibers run after this many bytes. A content of at most this length is written in one go. */
const TURN_BYTES = 1 << 20

/** How the local target writes. */
export interface LocalTargetOptions {
  /**
   * After this many new files, a second thread writes most of them. Default: 500; never (Infinity) on a machine with
   * one processor. With 0, no file that the second thread could write is written before it runs.
   */
  readonly threadAfter?: number
  /** False: go by paths even where directories can be held, as on other systems than Linux. For tests. */
  readonly hold?: boolean
}

/**
 * Restores into directories of this machine.
 *
 * - A file is written in the directory where it belongs, under a temporary name (`.penstock-` and random digits), and
 *   then renamed. It is not synced: after a power cut within the next seconds, files may be empty. Restoring again
 *   repairs them. A killed process leaves at most one temporary file for each of its two threads.
 * - A file that has the same content already is not written again. Its metadata is set when it differs. Any other file
 *   is replaced, never changed in place, so its other hard links keep their content. A directory that is not empty is
 *   never removed to make room for something else. A file or symlink in the place of a directory is removed.
 * - Nothing is written through a symlink beneath the root, not even through one that takes the place of a directory
 *   meanwhile: directories are held open where the system can (docs/threat-model.md). The root itself may be a symlink.
 * - A hard link to a file is made only beneath the root, to a file with the same size and metadata that this session
 *   wrote or whose content it compared. Otherwise the content is written. Symlinks, fifos and device nodes are linked
 *   when everything about them is the same.
 * - Directories that the entries do not name are made with mode 0700.
 * - `finish` returns only directories whose metadata could not be set.
 * - Modes lose setuid and setgid where the owner is not restored. Names of users and groups are not looked up: only
 *   the numbers count.
 */
const make = ({ hold = true, threadAfter }: LocalTargetOptions = {}): Target => ({
  fidelity: {
    kinds: ["file", "directory", "symlink", "fifo", "character", "block"],
    mode: true,
    owner: process.getuid?.() === 0,
    mtime: WRITE_TIME_RESOLUTION,
    hardlinks: true,
    sparse: true,
    byteNames: BYTE_NAMES,
  },
  spares: (root, options) => sparesOf(root, options, hold ? DESCRIPTORS : undefined),
  open: (root, options): Effect.Effect<TargetSession, TargetError, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.try({
        try: () => new LocalSession(root, options, threadAfter, hold ? DESCRIPTORS : undefined),
        catch: (cause) => {
          const error = targetError(root, cause)
          return new TargetError({ reason: error.reason, path: root, message: `${error.message}: ${root}`, cause })
        },
      }),
      (session) =>
        Effect.promise(async () => {
          await session.batches.stop()
          session.finish()
        }),
    ).pipe(Effect.map((session): TargetSession => {
      const buffer = new Uint8Array(TURN_BYTES)
      return {
        write: (entries) => writeAll(session, entries, buffer),
        finish: Effect.sync(() => session.finish()),
      }
    })),
})

/**
 * The target that writes to the file system of this machine: `make` for one with options, or `layer`. The root is a
 * path, absolute or relative to the working directory.
 *
 * @example Restore a tree into a directory
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, readFileSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import { memorySource, write } from "@penstock/penstock"
 * import { localTarget } from "@penstock/penstock/adapters"
 *
 * const root = mkdtempSync(join(tmpdir(), "penstock-"))
 * const entries = memorySource({ "a.txt": { content: "Hello" } }).entries("", {})
 * const { problems } = await Effect.runPromise(write(root)(entries).pipe(Effect.provide(localTarget.layer)))
 * assert.deepEqual(problems, [])
 * assert.equal(readFileSync(join(root, "a.txt"), "utf8"), "Hello")
 * rmSync(root, { recursive: true })
 * ```
 */
export const localTarget: {
  readonly make: (options?: LocalTargetOptions) => Target
  readonly layer: Layer.Layer<Target>
} = {
  make,
  layer: Layer.sync(Target, () => make()),
}

const writeAll = Effect.fnUntraced(function* (
  session: LocalSession,
  entries: ReadonlyArray<Entry>,
  buffer: Uint8Array,
): Effect.fn.Return<ReadonlyArray<Written>, TargetError> {
  const results: Array<Written> = []
  /** Entries that another thread writes, by path: their places in `entries`. */
  const handed = new Map<string, number>()
  /** Waits for the other thread. What it could not write, this thread writes, or says why it cannot. */
  const wait = Effect.gen(function* () {
    for (const path of yield* Effect.promise(() => session.batches.settle())) {
      const at = handed.get(path)!
      const written = outcomeOf(path, () => writeSmall(session, entries[at]!, buffer))
      if (written instanceof TargetError) return yield* Effect.fail(written)
      results[at] = written!
    }
    handed.clear()
  })
  let bytes = 0
  for (const [at, entry] of entries.entries()) {
    const { content, path } = entry
    const small = content === undefined || content instanceof Uint8Array ||
      (!Stream.isStream(content) && entry.size !== undefined && entry.size <= TURN_BYTES)
    if (!small) yield* wait
    const write = (): Written => {
      if (!session.hand(entry)) return writeSmall(session, entry, buffer)
      handed.set(path, at)
      return { path, outcome: "written" }
    }
    let written = small ? outcomeOf(path, write) : yield* writeLarge(session, entry, buffer)
    if (written === undefined) {
      yield* wait
      written = outcomeOf(path, write)
    }
    if (written instanceof TargetError) return yield* Effect.fail(written)
    results.push(written!)
    bytes += entry.size ?? 0
    if (bytes >= TURN_BYTES) {
      bytes = 0
      yield* Effect.yieldNow
    }
  }
  yield* wait
  return results
})
