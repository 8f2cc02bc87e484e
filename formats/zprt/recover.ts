/** Reads what is left of a damaged archive. SPEC.md, "Recovery". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Entry } from "../../stages/walk/entry.ts"
import type { FormatError } from "../error.ts"
import { fileContent, type Place, storedContent } from "./content_read.ts"
import type { Index } from "./index.ts"
import type { Opened } from "./opened.ts"
import { scan } from "./scan.ts"

/** What is left of a damaged archive. */
export interface Recovered {
  /**
   * Whether the index was found. With it, files have their paths; without it, they are named `recovered-000001` and so
   * on, in the order in which they lie.
   */
  readonly named: boolean
  /** The age files that were found, without key slot and index. They can be cut out and decrypted by hand. */
  readonly places: ReadonlyArray<Place>
  /**
   * Files and, when the index was found, empty directories. The content of a file is read when its stream is run. It
   * fails with `denied` when it is encrypted for others, or with `damaged`. Without an index, a content that decrypts
   * may still be incomplete: nothing tells what was stored.
   */
  readonly entries: Stream.Stream<Entry>
}

/** Looks through the whole archive for age files. Needs neither trailer nor index. */
export const recovered = (opened: Opened): Effect.Effect<Recovered, FormatError> =>
  Effect.map(scan(opened), (found) => ({
    named: found.index !== undefined,
    places: found.places,
    entries: Stream.fromIterable(
      found.index === undefined
        ? found.places.map((place, i): Entry => {
          const path = recoveredName(i)
          const content = storedContent(opened, place, path, Infinity)
          return { path, kind: "file", metadata: {}, size: undefined, content }
        })
        : indexedEntries(opened, found.index.read.index),
    ),
  }))

/** The name of the `i`th age file, counted from 0, when there is no index that names it. */
export const recoveredName = (i: number): string => `recovered-${String(i + 1).padStart(6, "0")}`

const indexedEntries = (opened: Opened, { directories, files }: Index): ReadonlyArray<Entry> => [
  ...files.map(({ content, path }): Entry => ({
    path,
    kind: "file",
    metadata: {},
    size: content.size,
    content: fileContent(opened, content, path),
  })),
  ...directories.map((path): Entry => ({ path, kind: "directory", metadata: {}, size: 0 })),
]
