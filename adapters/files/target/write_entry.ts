/** Writes one entry with its content through a session. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { PiecesLent } from "../../../stages/memory/lent.ts"
import type { Entry, ReaderContent } from "../../../stages/walk/entry.ts"
import { SourceError, TargetError } from "../../../stages/walk/errors.ts"
import { changedWhileCopied } from "../../../stages/walk/reread.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { targetError } from "../system/errno.ts"
import { Busy } from "./batches.ts"
import type { LocalSession, PendingFile } from "./session.ts"

/**
 * Calls `write` and turns what it throws into a result. Returns undefined when it must wait for the other thread, and a
 * TargetError only when going on makes no sense.
 */
export const outcomeOf = (path: string, write: () => Written): Written | TargetError | undefined => {
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

/** Writes an entry in one go, so that nothing can interrupt it. `buffer` is for its content. */
export const writeSmall = (session: LocalSession, entry: Entry, buffer: Uint8Array): Written => {
  const begun = session.begin(entry)
  if (!isPending(begun)) return begun
  try {
    if (entry.content instanceof Uint8Array) begun.writer.write(entry.content)
    else if (entry.content !== undefined) {
      for (const _ of copy(entry.content as ReaderContent, begun, buffer));
    } else if (entry.size !== 0) throw new Error("Its content is missing")
    const written = session.commit(begun)
    const back = session.readBack(begun)
    if (back === undefined) return written
    for (const _ of back);
    return verified(written)
  } finally {
    begun.writer.close()
  }
}

/** Writes an entry, and lets other fibers run in between. An interruption removes what was written. */
export const writeLarge = (
  session: LocalSession,
  entry: Entry,
  buffer: Uint8Array,
): Effect.Effect<Written, TargetError> =>
  Effect.acquireUseRelease(
    catching(Error, () => session.begin(entry)),
    (begun) => {
      if (!isPending(begun)) return Effect.succeed(begun)
      return fill(entry, begun, buffer).pipe(Effect.andThen(commit(session, begun)))
    },
    (begun) => Effect.sync(() => isPending(begun) && begun.writer.close()),
  ).pipe(
    Effect.catch((cause) => {
      const outcome = failed(entry.path, cause)
      return outcome instanceof TargetError ? Effect.fail(outcome) : Effect.succeed(outcome)
    }),
  )

/** Commits a file and reads it back, if that is asked for. The session may be used again when the file is open. */
const commit = Effect.fnUntraced(function* (session: LocalSession, file: PendingFile) {
  const { back, written } = yield* catching(Error, () => {
    const written = session.commit(file)
    const back = session.readBack(file)
    back?.next()
    return { written, back }
  })
  if (back === undefined) return written
  yield* through(back)
  return verified(written)
})

const verified = (written: Written): Written => "message" in written ? written : { ...written, verified: true }

/** Takes all steps, and lets other fibers run in between. */
const through = (steps: Generator<undefined, void>): Effect.Effect<void, Error> =>
  Effect.gen(function* () {
    while (!(yield* catching(Error, () => steps.next())).done) yield* Effect.yieldNow
  }).pipe(Effect.ensuring(Effect.sync(() => steps.return())))

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
            Effect.flatMap(
              catching(Error, () => file.writer.writeBeside(piece)),
              (under) => under === undefined ? Effect.void : waitFor(under),
            ),
          { discard: true },
        )
      ),
      Effect.provideService(PiecesLent, true),
    )
  }
  return Effect.suspend(() => through(copy(content as ReaderContent, file, buffer)))
}

/** Copies content. Pauses after each buffer. */
function* copy(content: ReaderContent, file: PendingFile, buffer: Uint8Array): Generator<undefined, void> {
  const reader = content.open()
  try {
    for (;;) {
      const count = reader.read(buffer)
      file.writer.write(count === buffer.length ? buffer : buffer.subarray(0, count))
      if (count < buffer.length) break
      yield
    }
    if (reader.finish().changed) throw changedWhileCopied(file.entry.path)
  } finally {
    reader.close()
  }
}
