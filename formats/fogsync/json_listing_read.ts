/** Walks the entries of a root, depth-first, over its listings in JSON. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import { displayPath } from "../../stages/walk/path.ts"
import type { FormatError } from "../error.ts"
import type { DataRef } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import { corrupt, isDamage } from "./errors.ts"
import { startGunzipIfNeeded, startListingDecoder } from "./json_listing.ts"
import { blockObject } from "./layout.ts"
import type { Listed, ListingEvents } from "./listing.ts"
import type { Root } from "./snapshot.ts"
import { through } from "./through.ts"

/** All entries. Fails only when the listing of the root directory is lost, or the store cannot be reached. */
export const walkJson = (
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

/** The entries in a directory, each directory followed by what is beneath it. */
const beneath = (
  reader: BlockReader,
  path: string,
  listing: DataRef,
  events: ListingEvents,
): Stream.Stream<Listed, FormatError> => {
  const lost = (error: FormatError): Stream.Stream<never, FormatError> => {
    if (path === "" || !isDamage(error)) return Stream.fail(error)
    return Stream.suspend(() => {
      events.lost?.({ path, message: `The entries in this directory are lost: ${error.message}` }, error)
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

/** The entries in a directory. */
const entriesIn = (reader: BlockReader, path: string, { bptr }: DataRef): Stream.Stream<Listed, FormatError> => {
  const name = blockObject(bptr.hash)
  const damaged = ({ message }: { readonly message: string }) =>
    corrupt(name, `The listing of "${displayPath(path)}" that begins in ${name} is damaged: ${message}`)
  const json = through(reader.data(bptr, `the listing of "${displayPath(path)}"`), startGunzipIfNeeded, damaged)
  return through(json, () => startListingDecoder(path), damaged)
}

/** Either one directory, or entries that are none. */
interface Group {
  readonly entries: ReadonlyArray<Listed>
  readonly directory?: Listed
}

/** Groups entries: each directory alone, and the entries between two directories together. */
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
