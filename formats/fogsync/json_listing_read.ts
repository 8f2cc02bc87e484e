/** The entries of a root, depth-first, from listings in JSON. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import { displayPath } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import type { Problem } from "../repository.ts"
import type { Bptr, Ref } from "./bptr.ts"
import { type BlockReader, through } from "./block_read.ts"
import { corrupt, isDamage } from "./errors.ts"
import { type Listed, readingListing, unwrapping } from "./json_listing.ts"
import { blockObject } from "./layout.ts"
import type { Root } from "./snapshot.ts"

/** What a walk tells beside the entries. */
export interface ListingEvents {
  /** A listing is lost, and with it all that is beneath the path. The walk goes on. */
  readonly lost?: (problem: Problem, error: FormatError) => void
  /** Whether to leave out what the listing, or part of a tree, at an address has, and all beneath. */
  readonly skip?: (bptr: Bptr) => boolean
  /** The listing of a directory was read to its end. */
  readonly read?: (directory: string, listing: Ref) => void
}

/** All entries. Fails only when the listing of the root directory itself is lost, or the store cannot be reached. */
export const walkListings = (
  reader: BlockReader,
  root: Root,
  events: ListingEvents = {},
): Stream.Stream<Listed, FormatError> => {
  const { directory, mtime } = root
  if (directory === undefined) return Stream.empty
  const top: Listed = {
    path: "",
    kind: "directory",
    metadata: mtime === undefined ? {} : { mtime },
    size: 0,
    chunks: emptyList,
    listing: directory,
  }
  return Stream.concat(Stream.succeed(top), beneath(reader, "", directory, events))
}

/** What is in a directory, and beneath. */
const beneath = (
  reader: BlockReader,
  path: string,
  listing: Ref,
  events: ListingEvents,
): Stream.Stream<Listed, FormatError> => {
  const lost = (error: FormatError): Stream.Stream<never, FormatError> => {
    if (path === "" || !isDamage(error)) return Stream.fail(error)
    return Stream.suspend(() => {
      events.lost?.({ path, message: `What is in this directory is lost: ${error.message}` }, error)
      return Stream.empty
    })
  }
  if (events.skip?.(listing.bptr) === true) return Stream.empty
  return entriesIn(reader, path, listing).pipe(
    Stream.concat(Stream.fromEffectDrain(Effect.sync(() => events.read?.(path, listing)))),
    Stream.catch(lost),
    Stream.mapArray(byDirectory),
    Stream.flatMap((group) => {
      const { directory, entries } = group
      if (directory === undefined) return Stream.fromArray(entries)
      return directory.listing === undefined
        ? Stream.succeed(directory)
        : Stream.concat(Stream.succeed(directory), beneath(reader, directory.path, directory.listing, events))
    }),
  )
}

/** What is in a directory. */
const entriesIn = (reader: BlockReader, path: string, { bptr }: Ref): Stream.Stream<Listed, FormatError> => {
  const name = blockObject(bptr.hash)
  const damaged = ({ message }: { readonly message: string }) =>
    corrupt(name, `The listing of "${displayPath(path)}" that begins in ${name} is damaged: ${message}`)
  const json = through(reader.data(bptr, `the listing of "${displayPath(path)}"`), unwrapping, damaged)
  return through(json, () => readingListing(path), damaged)
}

interface Group {
  readonly entries: ReadonlyArray<Listed>
  readonly directory?: Listed
}

/** Each directory by itself, what is between them together. */
const byDirectory = (entries: readonly [Listed, ...Array<Listed>]): [Group, ...Array<Group>] => {
  const groups: Array<Group> = []
  let between: Array<Listed> = []
  for (const entry of entries) {
    if (entry.kind !== "directory") {
      between.push(entry)
      continue
    }
    if (between.length > 0) groups.push({ entries: between })
    between = []
    groups.push({ entries: [], directory: entry })
  }
  if (between.length > 0) groups.push({ entries: between })
  return groups as [Group, ...Array<Group>]
}
