/** Writes entries as a tar archive, in the form of POSIX (pax). */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SourceError } from "../walk/errors.ts"
import { type Fidelity, wholeFidelity } from "../walk/fidelity.ts"
import { contentStream } from "../walk/content.ts"
import type { Entry } from "../walk/entry.ts"
import { baseName, joinPath, parentPath, pathToBytes } from "../walk/path.ts"
import { cutter, HoleFinder, zeros } from "./holes.ts"
import {
  BLOCK_BYTES,
  encodeHeader,
  type Header,
  NAME_BYTES,
  OWNER_BYTES,
  OWNER_MAXIMUM,
  padded,
  SIZE_MAXIMUM,
} from "./header.ts"
import { encodePax, encodeTime, type PaxRecord } from "./pax.ts"
import { encodeSegments, type Segment } from "./segments.ts"

/**
 * What a tar archive that {@link writeTar} makes keeps of an entry: everything but sockets.
 *
 * @example See what an archive loses
 * ```ts
 * import assert from "node:assert"
 * import { tarFidelity } from "@penstock/penstock"
 *
 * assert.ok(!tarFidelity.kinds.includes("socket"))
 * assert.ok(tarFidelity.kinds.includes("symlink"))
 * ```
 */
export const tarFidelity: Fidelity = {
  ...wholeFidelity,
  kinds: wholeFidelity.kinds.filter((kind) => kind !== "socket"),
}

/** Options of {@link writeTar}. */
export interface WriteTarOptions {
  /** Called for each content that is not whole, or cannot be read at all. */
  readonly problem?: (problem: { readonly path: string; readonly message: string }) => void
  /** Called for each entry that an archive cannot hold. */
  readonly leftOut?: (problem: { readonly path: string; readonly message: string }) => void
}

/**
 * A tar archive of the entries, as a stream of its bytes. Members have the names of the entries; the root is `./`.
 * Names that are not UTF-8 are written byte by byte, as GNU tar does. Holes are kept: a file with holes is read twice.
 *
 * Sockets are left out, and `leftOut` is called. Entries that cannot be read, and files of unknown size, are left out,
 * and `problem` is called. The size of a file comes before its content, so content that turns out to be damaged is
 * filled up with zeros, and `problem` is called.
 *
 * @example Write a tree as an archive
 * ```ts
 * import assert from "node:assert"
 * import { memorySource, writeTar } from "@penstock/penstock"
 * import { Effect, Stream } from "effect"
 *
 * const entries = memorySource({ "note.txt": { content: "hello" } }).entries("", {})
 * const pieces = await Effect.runPromise(Stream.runCollect(writeTar(entries)))
 * // A header for the root, header and data of the file, and two blocks of zeros at the end.
 * assert.equal(pieces.reduce((sum, { length }) => sum + length, 0), 5 * 512)
 * ```
 */
export const writeTar = <E, R>(
  entries: Stream.Stream<Entry, E, R>,
  { leftOut = () => {}, problem = () => {} }: WriteTarOptions = {},
): Stream.Stream<Uint8Array, E, R> =>
  entries.pipe(
    Stream.flatMap((entry) =>
      memberOf(
        entry,
        (message) => problem({ path: entry.path, message }),
        (message) => leftOut({ path: entry.path, message: `Left out: ${message}` }),
      )
    ),
    Stream.concat(Stream.succeed(new Uint8Array(2 * BLOCK_BYTES))),
  )

type Tell = (message: string) => void

/** The bytes of one member. */
const memberOf = (entry: Entry, problem: Tell, leaveOut: Tell): Stream.Stream<Uint8Array> => {
  const { content, kind, linkTo, size } = entry
  if (kind === "unreadable") {
    problem(entry.problem ?? "It is not readable")
    return Stream.empty
  }
  if (kind === "socket") {
    leaveOut("an archive cannot hold a socket")
    return Stream.empty
  }
  if (kind !== "file") return Stream.succeed(headerOf(entry, 0))
  if (linkTo !== undefined) return Stream.succeed(headerOf(entry, 0))
  if (size === undefined) {
    problem("Left out: the size of its content is not known, probably because a part of it is lost")
    return Stream.empty
  }
  if (entry.sparse === true) return sparseMember(entry, size, problem)
  const header = headerOf(entry, size)
  if (content instanceof Uint8Array && content.length === size) {
    return Stream.succeed(concat([header, content, new Uint8Array(padded(size) - size)]))
  }
  return Stream.concat(Stream.succeed(header), filled(contentStream(entry), size, problem))
}

/** Exactly `size` bytes of the content, then zeros up to whole blocks. */
const filled = (
  content: Stream.Stream<Uint8Array, SourceError>,
  size: number,
  problem: Tell,
): Stream.Stream<Uint8Array> =>
  Stream.suspend(() => {
    let left = size
    let read = 0
    const bytes = content.pipe(
      Stream.takeUntil((bytes) => (read += bytes.length) >= size),
      Stream.map((bytes) => {
        const taken = bytes.subarray(0, left)
        if (taken.length < bytes.length) problem(`Its content is longer than ${size} bytes; the rest is left out`)
        left -= taken.length
        return taken
      }),
      Stream.catch((error: SourceError) => {
        problem(`${error.message}; the archive has zeros from byte ${size - left} on`)
        const missing = left
        left = 0
        return zeros(missing)
      }),
    )
    const rest = Stream.suspend(() => {
      if (left > 0) {
        problem(`Its content ends after ${size - left} of ${size} bytes; the archive has zeros from there on`)
      }
      return zeros(left + padded(size) - size)
    })
    return Stream.concat(bytes, rest)
  })

/**
 * A file with holes, in form 1.0 of GNU tar. When the holes cannot be found, or when there are too many, the file is
 * written like any other.
 */
const sparseMember = (entry: Entry, size: number, problem: Tell): Stream.Stream<Uint8Array> =>
  Stream.unwrap(Effect.gen(function* () {
    const finder = new HoleFinder()
    let length = 0
    const failed = yield* Stream.runForEach(contentStream(entry), (bytes) =>
      Effect.sync(() => {
        length += bytes.length
        finder.push(bytes)
      })).pipe(Effect.as(false), Effect.catch(() => Effect.succeed(true)))
    const segments = failed || length !== size ? undefined : finder.end()
    if (segments === undefined) {
      return Stream.concat(Stream.succeed(headerOf(entry, size)), filled(contentStream(entry), size, problem))
    }
    const list = encodeSegments(segments)
    const stored = segments.reduce((sum, { length }) => sum + length, 0)
    const cut = cutter(segments)
    const data = Stream.flatMap(contentStream(entry), (bytes) => Stream.fromIterable(cut(bytes)))
    return Stream.concat(
      Stream.fromIterable([headerOf(entry, list.length + stored, segments), list]),
      filled(data, stored, problem),
    )
  }))

const TYPES: Readonly<Partial<Record<Entry["kind"], string>>> = {
  file: "0",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
}

/**
 * The header of an entry with `data` bytes after it. An extended header comes first when the fields of the header
 * cannot hold everything.
 */
const headerOf = (entry: Entry, data: number, segments?: ReadonlyArray<Segment>): Uint8Array => {
  const { kind, linkTo, metadata, rdev } = entry
  const path = kind === "directory" ? `${entry.path === "" ? "." : entry.path}/` : entry.path
  const link = linkTo ?? entry.target ?? ""
  const records: Array<PaxRecord> = []
  const extend = (key: string, value: string): void => {
    records.push([key, value])
  }
  const fitting = (key: string, value: string, length: number): Uint8Array => {
    const bytes = pathToBytes(value)
    if (bytes.length > length || bytes.some((byte) => byte >= 0x80)) extend(key, value)
    return bytes
  }
  const number = (key: string, value: number, maximum: number): number => {
    if (value <= maximum) return value
    extend(key, String(value))
    return 0
  }
  if (segments !== undefined) {
    extend("GNU.sparse.major", "1")
    extend("GNU.sparse.minor", "0")
    extend("GNU.sparse.name", path)
    extend("GNU.sparse.realsize", String(entry.size))
  }
  const name = segments === undefined
    ? fitting("path", path, NAME_BYTES)
    : pathToBytes(joinPath(parentPath(path), joinPath("GNUSparseFile.0", baseName(path))))
  const { mtime = 0n } = metadata
  const seconds = mtime / 1_000_000_000n
  const plain = mtime >= 0n && mtime % 1_000_000_000n === 0n && seconds <= BigInt(SIZE_MAXIMUM)
  if (!plain) extend("mtime", encodeTime(mtime))
  const header: Omit<Header, "name" | "link" | "user" | "group"> = {
    mode: metadata.mode ?? (kind === "directory" ? 0o755 : 0o644),
    uid: number("uid", metadata.uid ?? 0, OWNER_MAXIMUM),
    gid: number("gid", metadata.gid ?? 0, OWNER_MAXIMUM),
    size: number("size", data, SIZE_MAXIMUM),
    mtime: seconds >= 0n && seconds <= BigInt(SIZE_MAXIMUM) ? Number(seconds) : 0,
    type: linkTo === undefined ? TYPES[kind]! : "1",
    major: rdev?.major ?? 0,
    minor: rdev?.minor ?? 0,
  }
  const texts = {
    link: fitting("linkpath", link, NAME_BYTES),
    user: fitting("uname", metadata.user ?? "", OWNER_BYTES),
    group: fitting("gname", metadata.group ?? "", OWNER_BYTES),
  }
  const block = encodeHeader({ ...header, ...texts, name })
  if (records.length === 0) return block
  const pax = encodePax(records)
  const none = new Uint8Array(0)
  const before = encodeHeader({
    ...{ mode: 0o644, uid: 0, gid: 0, mtime: 0, major: 0, minor: 0, link: none, user: none, group: none },
    name: pathToBytes(joinPath(parentPath(entry.path), `PaxHeaders/${baseName(entry.path)}`)),
    size: pax.length,
    type: "x",
  })
  return concat([before, pax, new Uint8Array(padded(pax.length) - pax.length), block])
}
