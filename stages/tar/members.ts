/**
 * The members of a tar archive, out of bytes that are pushed in pieces. Of the data only lists of holes are looked at.
 */
import type { Metadata } from "../walk/entry.ts"
import { displayPath, pathFromBytes } from "../walk/path.ts"
import { corrupt, TarError } from "./error.ts"
import { BLOCK_BYTES, decodeHeader, padded, type ReadHeader, readNumber } from "./header.ts"
import { decodeCount, decodePax, decodeTime, type PaxRecord } from "./pax.ts"
import { checkSegments, headerSegments, pairs, type Segment, SEGMENTS_MAXIMUM, SPARSE_MAXIMUM } from "./sparse.ts"

/** One member, with names as the archive has them. */
export interface Member {
  readonly name: string
  /** The type as of {@link ReadHeader}; `0` for files of every form. */
  readonly type: string
  /** Where a link points. */
  readonly link: string
  readonly metadata: Metadata
  /** Length of the content, holes included. */
  readonly size: number
  /** Where the data begins in the archive. */
  readonly offset: number
  /** Bytes of data. */
  readonly stored: number
  /** Of a file with holes: what the data consists of. */
  readonly segments?: ReadonlyArray<Segment>
  readonly rdev: { readonly major: number; readonly minor: number }
}

/** So many bytes are wanted, or are not. */
type Want = { readonly take: number } | { readonly skip: number }

/** Longest extended header or long name. */
const EXTENSION_MAXIMUM = 1 << 20

/** Reads headers. Throws {@link TarError}. */
export class TarReader {
  readonly #steps: Generator<Want, void, Uint8Array>
  #want: Want | undefined
  /** What came and was not taken yet. */
  #held: Uint8Array = new Uint8Array(0)
  #skip = 0
  #at = 0
  #trailing = false

  constructor(onMember: (member: Member) => void) {
    this.#steps = this.#read(onMember)
    this.#next(this.#steps.next())
  }

  /** True when something other than zeros came after the end of the archive. */
  get trailing(): boolean {
    return this.#trailing
  }

  /** The next bytes of the archive; not kept after this returns. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#want === undefined) {
        for (; at < bytes.length && !this.#trailing; at++) this.#trailing = bytes[at] !== 0
        return
      }
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at)
        this.#skip -= count
        at += count
        this.#at += count
        if (this.#skip === 0) this.#next(this.#steps.next(this.#held))
        continue
      }
      const { take } = this.#want as { readonly take: number }
      if (this.#held.length === 0 && bytes.length - at >= take) {
        at += take
        this.#at += take
        this.#next(this.#steps.next(bytes.subarray(at - take, at)))
        continue
      }
      const count = Math.min(take - this.#held.length, bytes.length - at)
      const held = new Uint8Array(this.#held.length + count)
      held.set(this.#held)
      held.set(bytes.subarray(at, at + count), this.#held.length)
      at += count
      this.#at += count
      this.#held = held
      if (held.length === take) {
        this.#held = new Uint8Array(0)
        this.#next(this.#steps.next(held))
      }
    }
  }

  /** No more bytes come. */
  end(): void {
    if (this.#want === undefined) return
    if (this.#at === 0) throw new TarError({ reason: "foreign", message: "There is no tar archive: nothing came" })
    throw this.#at < BLOCK_BYTES ? foreign(0, this.#held) : new TarError({
      reason: "truncated",
      message: `The tar archive is cut off: it ends after ${this.#at} bytes, without the blocks that mark an end`,
    })
  }

  #next({ done, value }: IteratorResult<Want, void>): void {
    this.#want = done === true ? undefined : value!
    if (this.#want !== undefined && "skip" in this.#want) {
      if (this.#want.skip === 0) return this.#next(this.#steps.next(this.#held))
      this.#skip = this.#want.skip
    }
  }

  *#read(onMember: (member: Member) => void): Generator<Want, void, Uint8Array> {
    const global = new Map<string, string>()
    let records: ReadonlyArray<PaxRecord> = []
    let longName: string | undefined
    let longLink: string | undefined
    for (;;) {
      const start = this.#at
      const block = yield { take: BLOCK_BYTES }
      if (block.every((byte) => byte === 0)) return
      try {
        const header = decodeHeader(block.slice())
        if (header === undefined) throw foreign(start, block)
        switch (header.type) {
          case "x":
          case "X":
            records = decodePax(yield* this.#extension(header))
            continue
          case "g":
            for (const [key, value] of decodePax(yield* this.#extension(header))) {
              if (GLOBAL.has(key)) global.set(key, value)
            }
            continue
          case "L":
            longName = decodeName(yield* this.#extension(header))
            continue
          case "K":
            longLink = decodeName(yield* this.#extension(header))
            continue
        }
        const member = yield* this.#member(header, global, records, longName, longLink)
        onMember(member)
        yield { skip: padded(member.stored) - (this.#at - member.offset) }
        records = []
        longName = longLink = undefined
      } catch (error) {
        if (!(error instanceof TarError) || error.reason !== "corrupt") throw error
        throw corrupt(`The tar archive is damaged at byte ${start}: ${error.message}`)
      }
    }
  }

  /** The data of an extended header or long name. */
  *#extension({ size }: ReadHeader): Generator<Want, Uint8Array, Uint8Array> {
    if (size > EXTENSION_MAXIMUM) throw corrupt(`an extended header has ${size} bytes`)
    return (yield { take: padded(size) }).slice(0, size)
  }

  *#member(
    header: ReadHeader,
    global: ReadonlyMap<string, string>,
    records: ReadonlyArray<PaxRecord>,
    longName: string | undefined,
    longLink: string | undefined,
  ): Generator<Want, Member, Uint8Array> {
    const own = new Map(records)
    const value = (key: string): string | undefined => own.get(key) ?? global.get(key)
    const name = own.get("GNU.sparse.name") ?? own.get("path") ?? longName ?? header.name
    const data = own.has("size") ? decodeCount(own.get("size")!) : header.size
    const stored = hasData(header.type, own.size > 0) ? data : 0
    if (!Number.isSafeInteger(this.#at + padded(stored))) throw corrupt(`its size is ${stored}`)
    const common = {
      name,
      // The form of the seventh edition marks directories by a slash alone.
      type: header.type === "\0" || header.type === "7" || header.type === "S"
        ? (name.endsWith("/") ? "5" : "0")
        : header.type,
      link: own.get("linkpath") ?? longLink ?? header.link,
      metadata: metadataOf(header, value),
      rdev: { major: header.major, minor: header.minor },
    }
    const claimed = own.get("GNU.sparse.realsize") ?? own.get("GNU.sparse.size")
    if (header.type === "S") {
      const size = readNumber(header.block, 483, 12)
      const segments = [...headerSegments(header.block, 386, 4)]
      for (let more = header.block[482] !== 0; more;) {
        const block = (yield { take: BLOCK_BYTES }).slice()
        segments.push(...headerSegments(block, 0, 21))
        if (segments.length > SEGMENTS_MAXIMUM) throw corrupt("its list of holes has no end")
        more = block[504] !== 0
      }
      return { ...common, ...sparse(segments, size, stored, this.#at) }
    }
    if (common.type !== "0" || claimed === undefined) return { ...common, size: stored, offset: this.#at, stored }
    const size = decodeCount(claimed)
    if (own.get("GNU.sparse.major") === "1") {
      const offset = this.#at
      const segments = yield* this.#list(stored)
      const read = this.#at - offset
      const { offset: at, ...rest } = sparse(segments, size, stored - read, this.#at)
      return { ...common, ...rest, offset: at }
    }
    const map = own.get("GNU.sparse.map")
    const numbers = map === undefined
      ? records.filter(([key]) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes").map(([, text]) => text)
      : map.split(",")
    return { ...common, ...sparse(pairs(numbers), size, stored, this.#at) }
  }

  /**
   * The list before the data in form 1.0: a count, then as many pairs, each number on a line, filled up to whole
   * blocks.
   */
  *#list(stored: number): Generator<Want, ReadonlyArray<Segment>, Uint8Array> {
    const numbers: Array<string> = []
    let line = ""
    let left = stored
    let count = Infinity
    while (numbers.length < count) {
      if (left < BLOCK_BYTES) throw corrupt("its list of holes has no end")
      left -= BLOCK_BYTES
      for (const byte of yield { take: BLOCK_BYTES }) {
        if (byte !== 0x0a) {
          line += String.fromCharCode(byte)
          if (line.length > 20) throw corrupt("its list of holes is not one")
          continue
        }
        if (count === Infinity) {
          count = decodeCount(line) * 2
          if (count > SEGMENTS_MAXIMUM * 2) throw corrupt("its list of holes has no end")
        } else numbers.push(line)
        line = ""
        if (numbers.length === count) break
      }
    }
    return pairs(numbers)
  }
}

const sparse = (
  segments: ReadonlyArray<Segment>,
  size: number,
  stored: number,
  offset: number,
): Pick<Member, "size" | "stored" | "offset" | "segments"> => {
  if (size > SPARSE_MAXIMUM) throw corrupt(`it claims ${size} bytes, most of them holes`)
  return { size, stored, offset, segments: checkSegments(segments, size, stored) }
}

/**
 * Links, devices, directories and FIFOs have none, whatever their size says; a hard link may have in the extended form.
 */
const hasData = (type: string, extended: boolean): boolean => type === "1" ? extended : !"23456".includes(type)

/** What is taken from headers for all that follows. Nothing else of them is kept, however many there are. */
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

const foreign = (at: number, block: Uint8Array): TarError => {
  if (at > 0) return corrupt("there is no header, or a damaged one")
  const found = COMPRESSED.find(([, ...bytes]) => bytes.every((byte, i) => block[i] === byte))
  return new TarError({
    reason: "foreign",
    message: found === undefined
      ? `This is not a tar archive: it begins with "${displayPath(pathFromBytes(block.subarray(0, 16)))}"`
      : `The tar archive is compressed; put ${found[0]} -dc before this command`,
  })
}
