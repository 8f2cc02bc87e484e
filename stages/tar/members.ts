/**
 * The members of a tar archive, from bytes that are pushed in pieces. Headers and lists of holes are read; the data is
 * skipped.
 */
import type { Metadata } from "../walk/entry.ts"
import { displayPath, pathFromBytes } from "../walk/path.ts"
import { corrupt, TarError } from "./error.ts"
import { BLOCK_BYTES, decodeHeader, padded, type ReadHeader } from "./header.ts"
import { Parser, type Parsing, type Position } from "./parser.ts"
import { decodeCount, decodePax, decodeTime, type PaxRecord } from "./pax.ts"
import { checkSegments, readOldSegments, readSegments, type Segment, segmentsOfRecords } from "./segments.ts"

/** One member, with names as the archive has them. */
export interface Member {
  readonly name: string
  /** The type as in {@link ReadHeader}, but `0` for every form of file. */
  readonly type: string
  /** The target of a link. */
  readonly link: string
  readonly metadata: Metadata
  /** Bytes of the content, holes included. */
  readonly size: number
  /** Where the data begins in the archive, in bytes. */
  readonly offset: number
  /** Bytes of data. */
  readonly stored: number
  /** The segments of a file with holes, of which the data consists. */
  readonly segments?: ReadonlyArray<Segment>
  readonly rdev: { readonly major: number; readonly minor: number }
}

/** Longest extended header or long name, in bytes. */
const EXTENSION_MAXIMUM = 1 << 20

/** Reads an archive. Every method throws {@link TarError}. */
export class TarReader {
  readonly #parser: Parser
  #trailing = false

  constructor(onMember: (member: Member) => void) {
    this.#parser = new Parser((position) => readMembers(position, onMember))
  }

  /** True when something other than zeros came after the end of the archive. */
  get trailing(): boolean {
    return this.#trailing
  }

  /** Takes the next bytes of the archive. Does not keep them. */
  push(bytes: Uint8Array): void {
    for (let at = this.#parser.push(bytes); at < bytes.length && !this.#trailing; at++) this.#trailing = bytes[at] !== 0
  }

  /** Says that no more bytes come. */
  end(): void {
    const { at, ended, held } = this.#parser
    if (ended) return
    if (at === 0) throw new TarError({ reason: "foreign", message: "There is no tar archive: the input is empty" })
    throw at < BLOCK_BYTES ? notHeader(0, held) : new TarError({
      reason: "truncated",
      message: `The tar archive is cut off: it ends after ${at} bytes, without the blocks that mark its end`,
    })
  }
}

/** What headers before the member say of it. */
interface Extensions {
  /** Of extended headers, for all members that follow. */
  readonly global: ReadonlyMap<string, string>
  /** Of an extended header, for the next member. */
  readonly records: ReadonlyArray<PaxRecord>
  /** Of headers of GNU tar, for the next member. */
  readonly longName: string | undefined
  readonly longLink: string | undefined
}

function* readMembers(position: Position, onMember: (member: Member) => void): Parsing<void> {
  const global = new Map<string, string>()
  let records: ReadonlyArray<PaxRecord> = []
  let longName: string | undefined
  let longLink: string | undefined
  for (;;) {
    const start = position.at
    const block = yield { take: BLOCK_BYTES }
    if (block.every((byte) => byte === 0)) return
    try {
      const header = decodeHeader(block.slice())
      if (header === undefined) throw notHeader(start, block)
      switch (header.type) {
        case "x":
        case "X":
          records = decodePax(yield* readExtension(header))
          continue
        case "g":
          for (const [key, value] of decodePax(yield* readExtension(header))) {
            if (GLOBAL.has(key)) global.set(key, value)
          }
          continue
        case "L":
          longName = decodeName(yield* readExtension(header))
          continue
        case "K":
          longLink = decodeName(yield* readExtension(header))
          continue
      }
      const member = yield* readMember(position, header, { global, records, longName, longLink })
      onMember(member)
      yield { skip: padded(member.stored) - (position.at - member.offset) }
      records = []
      longName = longLink = undefined
    } catch (error) {
      if (!(error instanceof TarError) || error.reason !== "corrupt") throw error
      throw corrupt(`The tar archive is damaged at byte ${start}: ${error.message}`)
    }
  }
}

/** The data of an extended header or a long name. */
function* readExtension({ size }: ReadHeader): Parsing<Uint8Array> {
  if (size > EXTENSION_MAXIMUM) throw corrupt(`an extended header has ${size} bytes`)
  return (yield { take: padded(size) }).slice(0, size)
}

/** A member, up to where its data begins. */
function* readMember(
  position: Position,
  header: ReadHeader,
  { global, longLink, longName, records }: Extensions,
): Parsing<Member> {
  const own = new Map(records)
  const value = (key: string): string | undefined => own.get(key) ?? global.get(key)
  const name = own.get("GNU.sparse.name") ?? own.get("path") ?? longName ?? header.name
  const data = own.has("size") ? decodeCount(own.get("size")!) : header.size
  const stored = hasData(header.type, own.size > 0) ? data : 0
  if (!Number.isSafeInteger(position.at + padded(stored))) throw corrupt(`its size is ${stored}`)
  const common = {
    name,
    // In the form of the seventh edition, only a slash at the end marks a directory.
    type: header.type === "\0" || header.type === "7" || header.type === "S"
      ? (name.endsWith("/") ? "5" : "0")
      : header.type,
    link: own.get("linkpath") ?? longLink ?? header.link,
    metadata: metadataOf(header, value),
    rdev: { major: header.major, minor: header.minor },
  }
  const withSegments = (segments: ReadonlyArray<Segment>, size: number, stored: number): Member => ({
    ...common,
    size,
    stored,
    offset: position.at,
    segments: checkSegments(segments, size, stored),
  })
  if (header.type === "S") {
    const { segments, size } = yield* readOldSegments(header.block)
    return withSegments(segments, size, stored)
  }
  const claimed = own.get("GNU.sparse.realsize") ?? own.get("GNU.sparse.size")
  if (common.type !== "0" || claimed === undefined) return { ...common, size: stored, offset: position.at, stored }
  const size = decodeCount(claimed)
  if (own.get("GNU.sparse.major") === "1") {
    const before = position.at
    const segments = yield* readSegments(stored)
    return withSegments(segments, size, stored - (position.at - before))
  }
  return withSegments(segmentsOfRecords(records), size, stored)
}

/**
 * Whether data follows the header. Links, devices, directories and FIFOs have none, whatever their size says, but a
 * hard link of the extended form may have some.
 */
const hasData = (type: string, extended: boolean): boolean => type === "1" ? extended : !"23456".includes(type)

/** What is taken from global headers. Nothing else of them is kept, however many there are. */
const GLOBAL: ReadonlySet<string> = new Set(["mtime", "uid", "gid", "uname", "gname"])

const metadataOf = (header: ReadHeader, value: (key: string) => string | undefined): Metadata => {
  const mtime = value("mtime")
  const number = (key: "uid" | "gid"): number => {
    const text = value(key)
    return text === undefined || text === "" ? header[key] : decodeCount(text)
  }
  const [uid, gid] = [number("uid"), number("gid")]
  const user = value("uname") || header.user
  const group = value("gname") || header.group
  return {
    mode: header.mode,
    // Some programs write -1 for nobody.
    ...(uid < 0 ? {} : { uid }),
    ...(gid < 0 ? {} : { gid }),
    ...(user === "" ? {} : { user }),
    ...(group === "" ? {} : { group }),
    mtime: mtime === undefined || mtime === "" ? BigInt(header.mtime) * 1_000_000_000n : decodeTime(mtime),
  }
}

const decodeName = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return pathFromBytes(end < 0 ? bytes : bytes.subarray(0, end))
}

/** How compressed files begin. */
const COMPRESSED: ReadonlyArray<readonly [name: string, ...bytes: ReadonlyArray<number>]> = [
  ["gzip", 0x1f, 0x8b],
  ["zstd", 0x28, 0xb5, 0x2f, 0xfd],
  ["xz", 0xfd, 0x37, 0x7a, 0x58, 0x5a],
  ["bzip2", 0x42, 0x5a, 0x68],
]

/** Why the block at `at` is no header. */
const notHeader = (at: number, block: Uint8Array): TarError => {
  if (at > 0) return corrupt("there is no header, or a damaged one")
  const found = COMPRESSED.find(([, ...bytes]) => bytes.every((byte, i) => block[i] === byte))
  return new TarError({
    reason: "foreign",
    message: found === undefined
      ? `This is not a tar archive: it begins with "${displayPath(pathFromBytes(block.subarray(0, 16)))}"`
      : `The tar archive is compressed; put ${found[0]} -dc before this command`,
  })
}
