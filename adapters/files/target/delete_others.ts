/** Deletes from a directory of this machine what a snapshot does not have. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import { DESCRIPTORS } from "../system/descriptors.ts"
import { targetError } from "../system/errno.ts"
import { type DeleteOptions, type DeleteSummary, Others } from "./others.ts"

/** After so many deletions, other fibers run. */
const TURN = 64

/**
 * Takes all entries of a snapshot, depth-first, and deletes beneath `root` what is not among them. Call it after the
 * snapshot was restored there. Contents are not read.
 *
 * As in restic, it deletes only in directories that are selected or have a selected entry somewhere beneath them. It
 * keeps their modification times. Nothing is deleted before the last entry has come: when the stream fails, all stays.
 *
 * No symlink is followed: a symlink that is not among the entries is deleted itself. A directory on another file system
 * than the one above it stays, and is a problem. `root` itself may be a symlink. Fails with `TargetError` when the root
 * cannot be read, or when the entries are not depth-first; nothing is deleted then.
 *
 * @example Make a directory the same as a tree
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import { memorySource, write } from "@penstock/penstock"
 * import { deleteOthers, localTarget } from "@penstock/penstock/adapters"
 *
 * const root = mkdtempSync(join(tmpdir(), "penstock-"))
 * writeFileSync(join(root, "b.txt"), "not in the tree")
 * const entries = memorySource({ "a.txt": { content: "Hello" } }).entries("", {})
 * await Effect.runPromise(write(root)(entries).pipe(Effect.provide(localTarget.layer)))
 * const { deleted } = await Effect.runPromise(deleteOthers(root)(entries))
 * assert.equal(deleted, 1)
 * assert.deepEqual(readdirSync(root), ["a.txt"])
 * rmSync(root, { recursive: true })
 * ```
 */
export const deleteOthers = (
  root: string,
  options: DeleteOptions = {},
): <E, R>(self: Stream.Stream<Entry, E, R>) => Effect.Effect<DeleteSummary, E | TargetError, R> =>
<E, R>(self: Stream.Stream<Entry, E, R>): Effect.Effect<DeleteSummary, E | TargetError, R> =>
  Effect.scoped(Effect.gen(function* () {
    const attempt = <A>(make: () => A): Effect.Effect<A, TargetError> =>
      Effect.mapError(catching(Error, make), (cause) => {
        if (cause instanceof TargetError) return cause
        const { message, reason } = targetError(root, cause)
        return new TargetError({ reason, path: root, message: `${message}: ${root}`, cause })
      })
    const others = yield* Effect.acquireRelease(
      attempt(() => new Others(root, options, options.hold === false ? undefined : DESCRIPTORS)),
      (others) => Effect.sync(() => others.close()),
    )
    yield* Stream.runForEachArray(self, (entries) =>
      attempt(() => {
        for (const entry of entries) others.take(entry)
      }))
    yield* attempt(() => others.end())
    const steps = others.delete()
    for (let done = 1; !steps.next().done; done++) if (done % TURN === 0) yield* Effect.yieldNow
    return { deleted: others.deleted, problems: others.problems }
  }))
