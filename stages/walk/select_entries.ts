/** Chooses entries of a snapshot. */
import * as Stream from "effect/Stream"
import type { Entry, EntryKind } from "./entry.ts"

/** The entries that `include` accepts; all entries when it is absent. */
export const selectEntries = <A extends Entry, E, R>(
  all: Stream.Stream<A, E, R>,
  { include }: { readonly include?: (path: string, kind?: EntryKind) => boolean },
): Stream.Stream<A, E, R> =>
  include === undefined ? all : all.pipe(
    Stream.filter(({ kind, path }) => include(path, kind)),
    // A hard link to an entry that is left out becomes a file of its own. It has the content, too.
    Stream.map((entry) => {
      const { linkTo, ...rest } = entry
      return linkTo === undefined || include(linkTo, entry.kind) ? entry : rest as A
    }),
  )
