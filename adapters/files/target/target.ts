/** The file system of this machine as a {@link Target}. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { DESCRIPTORS } from "../system/descriptors.ts"
import { SourceError, TargetError } from "../../../stages/walk/errors.ts"
import { catching } from "../../../stages/kernel/catching.ts"
import { PiecesLent } from "../../../stages/memory/lent.ts"
import type { Entry, ReaderContent } from "../../../stages/walk/entry.ts"
import { Target, type TargetSession, type Written } from "../../../stages/walk/target.ts"
import { Busy } from "./batches.ts"
import { targetError } from "../system/errno.ts"
import { BYTE_NAMES, WRITE_TIME_RESOLUTION } from "../system/native.ts"
import { LocalSession, type PendingFile } from "./session.ts"

/** Other fibers get a turn after so many bytes; content up to this length is written in one go. */
const TURN = 1 << 20

/** How to write. */
export interface LocalTargetOptions {
  /**
   * After so many new files a second thread writes most of them; 500 by default, never (Infinity) on a machine with one
   * processor. With 0, none is written before that thread runs.
   */
  readonly threadAfter?: number
  /** Set to false to go by paths where directories could be held: what other systems than Linux do, for tests. */
  readonly hold?: boolean
}

/**
 * Restores into directories of this machine.
 *
 * - A file is written under a temporary name (`.penstock-` and random digits) in the directory where it belongs and
 *   renamed. It is not synced: after a power cut within the next seconds files may be empty, and restoring again mends
 *   them. A killed process leaves at most one temporary file for each of its two threads.
 * - A file that is there with the same content is not written again; its metadata is set when it differs. Otherwise it
 *   is replaced, never changed in place, so its other hard links keep their content. A directory that is not empty is
 *   never removed to make place; a file or symlink in the place of a directory is.
 * - Nothing is written through a symlink beneath the root, not even one that takes the place of a directory meanwhile:
 *   directories are held open, where the system can (docs/threat-model.md). The root itself may be a symlink.
 * - A hard link is made only to a file beneath the root with the same size and metadata that this session wrote, or
 *   whose content it compared; otherwise the content is written. Symlinks, fifos and device nodes are linked where all
 *   that they are is the same.
 * - Directories that the entries do not name are made with mode 0700.
 * - `finish` returns only directories whose metadata could not be set.
 * - Modes lose setuid and setgid where the owner is not restored. Names of users and groups are not looked up: numbers
 *   count.
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
      const buffer = new Uint8Array(TURN)
      return {
        write: (entries) => writeAll(session, entries, buffer),
        finish: Effect.sync(() => session.finish()),
      }
    })),
})

/** The target that writes to the file system of this machine, by itself and as a layer. */
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
  /** Waits for the other thread; what it could not write, this one writes or says why not. */
  const wait = Effect.gen(function* () {
    for (const path of yield* Effect.promise(() => session.batches.settle())) {
      const at = handed.get(path)!
      const written = settle(path, () => writeSmall(session, entries[at]!, buffer))
      if (written instanceof TargetError) return yield* Effect.fail(written)
      results[at] = written!
    }
    handed.clear()
  })
  let bytes = 0
  for (const [at, entry] of entries.entries()) {
    const { content, path } = entry
    const small = content === undefined || content instanceof Uint8Array ||
      (!Stream.isStream(content) && entry.size !== undefined && entry.size <= TURN)
    if (!small) yield* wait
    const write = (): Written => {
      if (!session.hand(entry)) return writeSmall(session, entry, buffer)
      handed.set(path, at)
      return { path, outcome: "written" }
    }
    let written = small ? settle(path, write) : yield* writeLarge(session, entry, buffer)
    if (written === undefined) {
      yield* wait
      written = settle(path, write)
    }
    // What `settle` gives back as an error is about the whole target.
    if (written instanceof TargetError) return yield* Effect.fail(written)
    results.push(written!)
    bytes += entry.size ?? 0
    if (bytes >= TURN) {
      bytes = 0
      yield* Effect.yieldNow
    }
  }
  yield* wait
  return results
})

/** What came of an entry; undefined when it must wait. An error is given back only when going on makes no sense. */
const settle = (path: string, write: () => Written): Written | TargetError | undefined => {
  try {
    return write()
  } catch (cause) {
    return cause instanceof Busy ? undefined : failed(path, cause)
  }
}

const failed = (path: string, cause: unknown): Written | TargetError => {
  if (cause instanceof SourceError) return { path, outcome: "failed", message: cause.message }
  const error = targetError(path, cause)
  return error.reason === "full" ? error : { path, outcome: "failed", message: error.message }
}

const isPending = (begun: Written | PendingFile): begun is PendingFile => "writer" in begun

/** In one go: nothing can interrupt it. */
const writeSmall = (session: LocalSession, entry: Entry, buffer: Uint8Array): Written => {
  const begun = session.begin(entry)
  if (!isPending(begun)) return begun
  try {
    if (entry.content instanceof Uint8Array) begun.writer.write(entry.content)
    else if (entry.content !== undefined) {
      for (const _ of copy(entry.content as ReaderContent, begun, buffer));
    } else if (entry.size !== 0) throw new Error("Its content is missing")
    return session.commit(begun)
  } finally {
    begun.writer.close()
  }
}

/** With turns for other fibers. Interruption removes what was written. */
const writeLarge = (
  session: LocalSession,
  entry: Entry,
  buffer: Uint8Array,
): Effect.Effect<Written, TargetError> =>
  Effect.acquireUseRelease(
    catching(Error, () => session.begin(entry)),
    (begun) => {
      if (!isPending(begun)) return Effect.succeed(begun)
      return fill(entry, begun, buffer).pipe(Effect.andThen(catching(Error, () => session.commit(begun))))
    },
    (begun) => Effect.sync(() => isPending(begun) && begun.writer.close()),
  ).pipe(
    Effect.catch((cause) => {
      const outcome = failed(entry.path, cause)
      return outcome instanceof TargetError ? Effect.fail(outcome) : Effect.succeed(outcome)
    }),
  )

/** Waits even when interrupted: a file that is being written to must not be closed. */
const waitFor = (under: Promise<void>): Effect.Effect<void, Error> =>
  Effect.uninterruptible(Effect.tryPromise({ try: () => under, catch: (error) => error as Error }))

const fill = (entry: Entry, file: PendingFile, buffer: Uint8Array): Effect.Effect<void, Error> => {
  const content = entry.content!
  if (Stream.isStream(content)) {
    return (content as Stream.Stream<Uint8Array, SourceError>).pipe(
      Stream.runForEachArray((pieces) =>
        Effect.forEach(
          pieces,
          (piece) =>
            Effect.flatMap(catching(Error, () => file.writer.writeBeside(piece)), (under) =>
              under === undefined ? Effect.void : waitFor(under)),
          { discard: true },
        )
      ),
      Effect.provideService(PiecesLent, true),
    )
  }
  return Effect.acquireUseRelease(
    Effect.sync(() => copy(content as ReaderContent, file, buffer)),
    (steps) =>
      Effect.gen(function* () {
        while (!(yield* catching(Error, () => steps.next())).done) yield* Effect.yieldNow
      }),
    (steps) => Effect.sync(() => steps.return()),
  )
}

/** Copies content; pauses after each buffer. */
function* copy(content: ReaderContent, file: PendingFile, buffer: Uint8Array): Generator<undefined, void> {
  const reader = content.open()
  try {
    for (;;) {
      const count = reader.read(buffer)
      file.writer.write(count === buffer.length ? buffer : buffer.subarray(0, count))
      if (count < buffer.length) break
      yield
    }
    if (reader.finish().changed) {
      throw new SourceError({ reason: "changed", path: file.entry.path, message: "It changed while it was copied" })
    }
  } finally {
    reader.close()
  }
}
