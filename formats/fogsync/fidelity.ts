/** What a share keeps of an entry. SPEC.md, "What it does not keep". */
import * as Stream from "effect/Stream"
import type { Entry } from "../../stages/walk/entry.ts"
import { isByteName, pathToBytes } from "../../stages/walk/path.ts"
import { type Fidelity, TIMES_OF_64_BITS } from "../../stages/walk/fidelity.ts"
import { PATH_MAXIMUM } from "./limits.ts"
import type { ListingKind } from "./listing.ts"

/** Names in JSON are text; in the tree they are bytes. */
export const fidelityOf = (listing: ListingKind): Fidelity => ({
  kinds: ["file", "directory", "symlink"],
  mode: "execute",
  owner: false,
  mtime: 1,
  ...TIMES_OF_64_BITS,
  hardlinks: false,
  sparse: false,
  byteNames: listing === "tree",
})

/** Makes entries unreadable whose paths or targets are too long, or whose targets a listing cannot hold. */
export const leaveOutUnlistable = ({ byteNames }: Fidelity) =>
<E, R>(
  self: Stream.Stream<Entry, E, R>,
): Stream.Stream<Entry, E, R> =>
  Stream.map(self, (entry) => {
    const { path, target } = entry
    const problem = isLong(path)
      ? `Its path is longer than ${PATH_MAXIMUM} bytes, which the format cannot hold, and it is left out`
      : target !== undefined && isLong(target)
      ? `Its target is longer than ${PATH_MAXIMUM} bytes, which the format cannot hold, and it is left out`
      : target !== undefined && !byteNames && isByteName(target)
      ? "Its target is not UTF-8, which the format cannot hold, and it is left out"
      : undefined
    if (problem === undefined || entry.kind === "unreadable") return entry
    return { path, kind: "unreadable", metadata: entry.metadata, size: 0, problem }
  })

/** Whether a text has more than PATH_MAXIMUM bytes. A UTF-16 code unit has at most three. */
const isLong = (text: string): boolean =>
  text.length > PATH_MAXIMUM || (3 * text.length > PATH_MAXIMUM && pathToBytes(text).length > PATH_MAXIMUM)
