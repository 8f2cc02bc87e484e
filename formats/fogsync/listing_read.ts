/** Walks the entries of a root, whichever way it lists them. */
import type * as Stream from "effect/Stream"
import type { FormatError } from "../error.ts"
import type { BlockReader } from "./block_read.ts"
import { walkJson } from "./json_listing_read.ts"
import type { Listed, ListingEvents } from "./listing.ts"
import type { Root } from "./snapshot.ts"
import { walkTree } from "./tree_read.ts"

/** All entries, depth-first. Fails only when the first listing is lost, or the store cannot be reached. */
export const walkRoot = (reader: BlockReader, root: Root, events?: ListingEvents): Stream.Stream<Listed, FormatError> =>
  root.listing === "tree" && root.directory !== undefined
    ? walkTree(reader, root.directory, events)
    : walkJson(reader, root, events)
