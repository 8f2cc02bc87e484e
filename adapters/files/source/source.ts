/** The file system of this machine as a {@link Source}. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { DESCRIPTORS } from "../system/descriptors.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { Source } from "../../../stages/walk/source.ts"
import { BYTE_NAMES, READ_TIME_RESOLUTION } from "../system/native.ts"
import { Walker } from "./walker.ts"

/** How the local source walks. */
export interface LocalSourceOptions {
  /** False: go by paths even where directories can be held, as on other systems than Linux. For tests. */
  readonly hold?: boolean
}

/**
 * Walks directories of this machine.
 *
 * - A root that is a symlink to a directory stands for that directory. A root that is a symlink to anything else is
 *   stored as the symlink. Patterns do not apply to the root itself.
 * - Beneath the root, no symlink is ever followed: each directory is held open while it is read, where the system can
 *   (docs/threat-model.md).
 * - Anything that cannot be looked at is an entry of kind `unreadable`. A directory that cannot be listed gives two
 *   entries with the same path: the `directory` with its metadata, then the `unreadable`, which says why nothing is
 *   beneath it.
 * - It keeps the names in the directories above the current one in memory, not the tree. A directory with a million
 *   names has them all in memory at once. Files that have links outside of the walk are remembered to its end.
 * - Content is a {@link ReaderContent}. When something else has taken the file's place, it neither follows a symlink
 *   nor waits for a fifo.
 */
const make = ({ hold = true }: LocalSourceOptions = {}): Source => ({
  fidelity: {
    kinds: ["file", "directory", "symlink", "fifo", "socket", "character", "block", "unreadable"],
    mode: true,
    owner: true,
    mtime: READ_TIME_RESOLUTION,
    hardlinks: true,
    sparse: true,
    byteNames: BYTE_NAMES,
  },
  entries: (root, options): Stream.Stream<Entry, SourceError> =>
    Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Walker(root, options, hold ? DESCRIPTORS : undefined)),
        (walker) => Effect.sync(() => walker.close()),
      ),
      (walker) =>
        Stream.paginate(walker, () =>
          Effect.try({
            try: () => {
              const batch = walker.next()
              return [batch, batch.length > 0 ? Option.some(walker) : Option.none<Walker>()] as const
            },
            catch: (cause) => {
              if (cause instanceof SourceError) return cause
              throw cause
            },
          })),
    )),
})

/**
 * The source that reads the file system of this machine: `make` for one with options, or `layer`. Roots are paths,
 * absolute or relative to the working directory.
 *
 * @example Walk a new directory
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { localSource } from "@penstock/penstock/adapters"
 *
 * const root = mkdtempSync(join(tmpdir(), "penstock-"))
 * writeFileSync(join(root, "a.txt"), "Hello")
 * const entries = await Effect.runPromise(Stream.runCollect(localSource.make().entries(root, {})))
 * assert.deepEqual(entries.map(({ path, size }) => [path, size]), [["", 0], ["a.txt", 5]])
 * rmSync(root, { recursive: true })
 * ```
 */
export const localSource: {
  readonly make: (options?: LocalSourceOptions) => Source
  readonly layer: Layer.Layer<Source>
} = {
  make,
  layer: Layer.sync(Source, () => make()),
}
