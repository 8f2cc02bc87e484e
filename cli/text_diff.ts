/** Two versions of one file as a unified diff: a part of `penstock diff`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { stdout } from "node:process"
import type { FormatError } from "../formats/error.ts"
import { fileContent, onlyPath } from "../formats/file_content.ts"
import type { Repository, SnapshotEntry, SnapshotInfo } from "../formats/repository.ts"
import { sameContent } from "../formats/same_content.ts"
import type { SourceError } from "../stages/walk/errors.ts"
import { displayText } from "../stages/walk/path.ts"
import { showFileTime } from "./output/entries.ts"
import type { Output } from "./output/output.ts"
import { SHORT_ID, showBytes, showPath } from "./output/show.ts"
import { print, writeBytes } from "./output/streams.ts"

/** The longest file that is compared as text, in bytes. */
const TEXT_MAXIMUM = 16 << 20

/** A file in two snapshots. */
export interface FileVersions {
  readonly path: string
  readonly before: readonly [SnapshotInfo, SnapshotEntry]
  readonly after: readonly [SnapshotInfo, SnapshotEntry]
}

/** What two snapshots have at a path, if that is a file in both. */
export const fileVersions: (
  repository: Repository,
  before: SnapshotInfo,
  after: SnapshotInfo,
  path: string,
) => Effect.Effect<FileVersions | undefined, FormatError> = Effect.fnUntraced(
  function* (repository, before, after, path) {
    const find = (snapshot: SnapshotInfo) =>
      repository.entries(snapshot, { include: onlyPath(path), content: false, chunks: true }).pipe(
        Stream.filter((entry) => entry.path === path && entry.kind === "file"),
        Stream.runHead,
        Effect.map(Option.getOrUndefined),
      )
    const [old, now] = [yield* find(before), yield* find(after)]
    return old === undefined || now === undefined ? undefined : { path, before: [before, old], after: [after, now] }
  },
)

/** Prints the diff. Prints nothing on stdout if the contents are the same. */
export const printTextDiff: (
  repository: Repository,
  versions: FileVersions,
  out: Output,
) => Effect.Effect<void, FormatError | SourceError> = Effect.fnUntraced(function* (repository, versions, out) {
  const { after: [second, now], before: [first, old], path } = versions
  const shown = showPath(path)
  const same = `The content of ${shown} is the same in both`
  if (sameContent(old, now) === true) return out.remark(same)
  const differs = (why: string): void => {
    out.line(`${shown} differs, but ${why}`)
    out.row({ type: "patch", path, message: why })
  }
  if ([old, now].some(({ size }) => size !== undefined && size > TEXT_MAXIMUM)) {
    return differs(`is not compared as text, since it has more than ${showBytes(TEXT_MAXIMUM)}`)
  }
  const [left, right] = [
    yield* readText(fileContent(repository, first, path)),
    yield* readText(fileContent(repository, second, path)),
  ]
  if (left === undefined || right === undefined) {
    return differs(`is not compared as text, since it has more than ${showBytes(TEXT_MAXIMUM)}`)
  }
  const { isBinary, unifiedDiff } = yield* Effect.promise(() => import("./output/patch.ts"))
  if (isBinary(left) || isBinary(right)) return differs("is no text")
  const version = ({ id }: SnapshotInfo, { metadata }: SnapshotEntry, bytes: Uint8Array) => ({
    name: `${id.slice(0, SHORT_ID)}/${shown}`,
    time: showFileTime(metadata.mtime),
    bytes,
  })
  const patch = unifiedDiff(version(first, old, left), version(second, now, right))
  if (patch === undefined) return differs("so much that it takes too long to find the lines")
  if (patch.length === 0) return out.remark(same)
  const text = new TextDecoder().decode(patch)
  out.row({ type: "patch", path, patch: text })
  if (out.json) return
  if (stdout.isTTY === true) print(safeText(text))
  else writeBytes(patch)
})

/** A text that does nothing to a terminal but begin lines and move its cursor to the next tab stop. */
const safeText = (text: string): string => text.replace(/[^\t\n]+/g, displayText)

/** Reads a content that is not too long. */
const readText = <E>(content: Stream.Stream<Uint8Array, E>): Effect.Effect<Uint8Array | undefined, E> =>
  Effect.suspend(() => {
    const pieces: Array<Uint8Array> = []
    let length = 0
    return Stream.takeWhile(content, (piece) => {
      length += piece.length
      pieces.push(piece.slice())
      return length <= TEXT_MAXIMUM
    }).pipe(
      Stream.runDrain,
      Effect.map(() => length > TEXT_MAXIMUM ? undefined : Buffer.concat(pieces)),
    )
  })
