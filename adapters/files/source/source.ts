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

/** How to walk. */
export interface LocalSourceOptions {
  /** Set to false to go by paths where directories could be held: what other systems than Linux do, for tests. */
  readonly hold?: boolean
}

/**
 * Walks directories of this machine.
 *
 * - A root that is a symlink to a directory stands for that directory, as the user meant it; beneath the root no
 *   symlink is ever followed: each directory is held open while it is read, where the system can
 *   (docs/threat-model.md). Patterns do not apply to the root itself. A root that is a symlink to anything else is
 *   stored as the symlink.
 * - What cannot be looked at is an entry of kind `unreadable`. A directory that cannot be listed gives two entries of
 *   the same path: the `directory`, with its metadata, then the `unreadable`, which says why nothing is beneath it.
 * - Memory: the names of the directories on the way to the current one, not the tree. A directory of a million names
 *   takes them all at once. Files that have links outside of the walk are remembered to its end.
 * - Content is a {@link ReaderContent}: it never follows a symlink that took the file's place, nor waits for a fifo
 *   that did.
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

/** The source that reads the file system of this machine, by itself and as a layer. */
export const localSource: {
  readonly make: (options?: LocalSourceOptions) => Source
  readonly layer: Layer.Layer<Source>
} = {
  make,
  layer: Layer.sync(Source, () => make()),
}
