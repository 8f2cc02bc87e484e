/** Choosing some of the entries of a snapshot. */
import * as Stream from "effect/Stream"
import type { Entry, EntryKind } from "./entry.ts"

/** The entries that are asked for; all when `include` is absent. */
export const wanted = <A extends Entry, E, R>(
  all: Stream.Stream<A, E, R>,
  { include }: { readonly include?: (path: string, kind?: EntryKind) => boolean },
): Stream.Stream<A, E, R> =>
  include === undefined ? all : all.pipe(
    Stream.filter(({ kind, path }) => include(path, kind)),
    // A hard link to what is left out stands for itself: it has the content, too.
    Stream.map((entry) => {
      const { linkTo, ...rest } = entry
      return linkTo === undefined || include(linkTo, entry.kind) ? entry : rest as A
    }),
  )
