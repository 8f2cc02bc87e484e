/** Standard input as a tar archive. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { stdin } from "node:process"
import { scratchDirectory, scratchError } from "../../adapters/files/system/scratch.ts"
import type { TarArchive } from "../../stages/tar/mod.ts"
import type { Content } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import type { UsageError } from "../process/usage_error.ts"
import { requireStdin } from "./stdin.ts"

/**
 * The archive on stdin. If stdin is a file, content is read from that. An archive from a pipe goes into a temporary
 * file first, because formats read content in their own order. Fails if stdin is a terminal or a directory.
 */
export const tarInput: Effect.Effect<TarArchive<SourceError>, UsageError | SourceError, Scope.Scope> = Effect.gen(
  function* () {
    yield* requireStdin("--tar")
    return fstatSync(0).isFile() ? inFile : yield* spooled
  },
)

/** How much is read at once, in bytes. */
const PIECE_BYTES = 1 << 20

const ioError = (path: string, cause: unknown): SourceError =>
  new SourceError({ reason: "io", path, message: `Cannot read the tar archive: ${(cause as Error).message}`, cause })

/** The temporary file cannot be made or written. */
const noScratch = (cause: unknown): SourceError =>
  new SourceError({ reason: "io", path: "", message: scratchError("the tar archive", cause), cause })

/** The content of entries of an archive that is open as `fd`. */
const content = (fd: number): TarArchive["content"] => (path, offset, length): Content => ({
  open: () => {
    let at = 0
    return {
      read: (into) => {
        const want = Math.min(into.length, length - at)
        let filled = 0
        while (filled < want) {
          let count: number
          try {
            count = readSync(fd, into, filled, want - filled, offset + at)
          } catch (cause) {
            throw ioError(path, cause)
          }
          if (count === 0) throw ioError(path, new Error("it became shorter"))
          filled += count
          at += count
        }
        return filled
      },
      finish: () => ({ changed: false, size: at, metadata: {} }),
      close: () => {},
    }
  },
})

const inFile: TarArchive<SourceError> = {
  bytes: Stream.suspend(() => {
    let at = 0
    return Stream.fromEffectRepeat(Effect.try({
      try: () => {
        const piece = new Uint8Array(PIECE_BYTES)
        const count = readSync(0, piece, 0, piece.length, at)
        at += count
        return piece.subarray(0, count)
      },
      catch: (cause) => ioError("", cause),
    })).pipe(Stream.takeWhile((piece) => piece.length > 0))
  }),
  content: content(0),
}

/** The archive from a pipe, copied into a temporary file whose name is removed at once. */
const spooled = Effect.gen(function* () {
  const fd = yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        const path = join(scratchDirectory(), `penstock-${crypto.randomUUID()}.tar`)
        const fd = openSync(path, "wx+", 0o600)
        rmSync(path)
        return fd
      },
      catch: noScratch,
    }),
    (fd) => Effect.sync(() => closeSync(fd)),
  )
  const bytes = Stream.fromAsyncIterable(stdin as AsyncIterable<Uint8Array>, (cause) => ioError("", cause)).pipe(
    Stream.tap((piece) =>
      Effect.try({
        try: () => {
          for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at)
        },
        catch: noScratch,
      })
    ),
  )
  return { bytes, content: content(fd) } satisfies TarArchive<SourceError>
})
