/**
 * The header of a member of a tar archive: 512 bytes. Sources: POSIX.1-2017, pax, "ustar Interchange Format"; the
 * manual of GNU tar, "Basic Tar Format", for numbers in base 256 and the magic of GNU tar.
 */
import { pathFromBytes } from "../walk/path.ts"
import { corrupt } from "./error.ts"

/** Bytes of a block. Headers and contents fill whole blocks. */
export const BLOCK_BYTES = 512

/** A number of bytes, rounded up to whole blocks. */
export const padded = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES

/** The fields of a header. Names are strings as in walk/path.ts. */
export interface Header {
  readonly name: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of data after the header. */
  readonly size: number
  /** Whole seconds since 1970. */
  readonly mtime: number
  /**
   * One character: `0` file, `1` hard link, `2` symlink, `3` and `4` devices, `5` directory, `6` FIFO. Extensions have
   * others.
   */
  readonly type: string
  readonly link: string
  readonly user: string
  readonly group: string
  readonly major: number
  readonly minor: number
}

/** A header that was read, with its 512 bytes. */
export interface ReadHeader extends Header {
  readonly block: Uint8Array
}

/** Offset and length of each field, in bytes. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  user: [265, 32],
  group: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const

type Field = keyof typeof FIELDS

const POSIX_MAGIC = "ustar\u000000"
const BLANK = 0x20

/** Longest name or link that fits its field, in bytes. */
export const NAME_BYTES: number = FIELDS.name[1]
/** Longest name of a user or group that fits its field, in bytes. */
export const OWNER_BYTES: number = FIELDS.user[1]
/** Largest number of a user or group that fits its field in octal digits. */
export const OWNER_MAXIMUM = 0o7777777
/** Largest size or time that fits its field in octal digits. */
export const SIZE_MAXIMUM = 0o77777777777

/** The header in a block. Undefined when the checksum is wrong. Throws `corrupt` for a number that is impossible. */
export const decodeHeader = (block: Uint8Array): ReadHeader | undefined => {
  if (!sumIsRight(block)) return undefined
  const text = (field: Field): string => pathFromBytes(textBytes(block, FIELDS[field][0], FIELDS[field][1]))
  const number = (field: Field): number => readNumber(block, FIELDS[field][0], FIELDS[field][1])
  const magic = text("magic")
  const owned = magic.startsWith("ustar")
  // Headers of GNU tar have times where others have the prefix.
  const prefix = magic === "ustar" ? text("prefix") : ""
  const name = text("name")
  const size = number("size")
  if (size < 0) throw corrupt(`its size is ${size}`)
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number("mode") & 0o7777,
    uid: number("uid"),
    gid: number("gid"),
    size,
    mtime: number("mtime"),
    type: String.fromCharCode(block[FIELDS.type[0]]!),
    link: text("link"),
    user: owned ? text("user") : "",
    group: owned ? text("group") : "",
    major: owned ? number("major") : 0,
    minor: owned ? number("minor") : 0,
    block,
  }
}

/**
 * The bytes of a header. Names that do not fit are cut off: an extended header before this one has them whole.
 */
export const encodeHeader = (
  header: Omit<Header, "name" | "link" | "user" | "group"> & {
    readonly name: Uint8Array
    readonly link: Uint8Array
    readonly user: Uint8Array
    readonly group: Uint8Array
  },
): Uint8Array => {
  const block = new Uint8Array(BLOCK_BYTES)
  for (const field of ["name", "link", "user", "group"] as const) {
    const [at, length] = FIELDS[field]
    block.set(header[field].subarray(0, length), at)
  }
  for (const field of ["mode", "uid", "gid", "size", "mtime", "major", "minor"] as const) {
    const [at, length] = FIELDS[field]
    writeNumber(block, at, length, header[field])
  }
  block[FIELDS.type[0]] = header.type.charCodeAt(0)
  writeAscii(block, FIELDS.magic[0], POSIX_MAGIC)
  const [at, length] = FIELDS.checksum
  block.fill(BLANK, at, at + length)
  const sum = block.reduce((sum, byte) => sum + byte, 0)
  writeAscii(block, at, `${sum.toString(8).padStart(6, "0")}\0`)
  return block
}

/** The bytes of a field up to the first NUL. */
export const textBytes = (block: Uint8Array, at: number, length: number): Uint8Array => {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return end < 0 ? field : field.subarray(0, end)
}

/** A number of a field: octal digits, or base 256 when the highest bit is set. Throws `corrupt`. */
export const readNumber = (block: Uint8Array, at: number, length: number): number => {
  const first = block[at]!
  if ((first & 0x80) === 0) {
    const digits = String.fromCharCode(...textBytes(block, at, length)).trim()
    if (!/^[0-7]*$/.test(digits)) throw corrupt(`it has "${digits}" where a number in octal digits is expected`)
    return digits === "" ? 0 : parseInt(digits, 8)
  }
  // Two's complement, behind the bit that marks it.
  let value = first & 0x40 ? -1n : 0n
  value = value << 6n | BigInt(first & 0x3f)
  for (let i = 1; i < length; i++) value = value << 8n | BigInt(block[at + i]!)
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw corrupt(`a number in it is ${value}`)
  return number
}

const writeNumber = (block: Uint8Array, at: number, length: number, value: number): void => {
  const digits = value.toString(8)
  if (value >= 0 && digits.length < length) return writeAscii(block, at, digits.padStart(length - 1, "0"))
  let rest = BigInt(value)
  for (let i = length - 1; i > 0; i--) {
    block[at + i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  block[at] = value < 0 ? 0xff : 0x80
}

const writeAscii = (block: Uint8Array, at: number, text: string): void => {
  for (let i = 0; i < text.length; i++) block[at + i] = text.charCodeAt(i)
}

/**
 * Whether the checksum is right: the sum of all bytes, with blanks in place of the checksum. Some old programs took
 * bytes as signed.
 */
const sumIsRight = (block: Uint8Array): boolean => {
  const [at, length] = FIELDS.checksum
  let unsigned = 0
  let signed = 0
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = i >= at && i < at + length ? BLANK : block[i]!
    unsigned += byte
    signed += byte << 24 >> 24
  }
  const digits = String.fromCharCode(...block.subarray(at, at + length)).replace(/[\0 ]+$/, "").trim()
  const stated = /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : -1
  return stated === unsigned || stated === signed
}
