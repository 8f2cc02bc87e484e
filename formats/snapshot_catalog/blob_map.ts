/** Maps of blobs: the extents that a content consists of. SPEC.md, "Maps". */
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"

/** An extent of a blob. */
export interface MapEntry {
  /** Where it begins in the blob, in bytes. */
  readonly offset: number
  readonly length: number
  /** 32 bytes. */
  readonly id: Uint8Array
}

/** The content of a map. Bytes that no entry covers are a hole: zeros. */
export interface BlobMap {
  /** Length of the blob in bytes. */
  readonly total: number
  /** By offset, without overlap. */
  readonly entries: ReadonlyArray<MapEntry>
}

const VERSION = 1
const HEADER_BYTES = 18
/** Bytes of an entry in the form of the document: offset, ID. */
const SHORT = 8 + ID_BYTES
/** Bytes of an entry in the later form: offset, length, ID. */
const LONG = 16 + ID_BYTES

/** Encodes a map in the form of the document, or in the later form if there are holes, which only that can express. */
export const encodeMap = ({ entries, total }: BlobMap): Uint8Array => {
  let end = 0
  const long = entries.some(({ length, offset }) => {
    const gap = offset !== end
    end = offset + length
    return gap
  }) || end !== total
  const step = long ? LONG : SHORT
  const bytes = new Uint8Array(HEADER_BYTES + step * entries.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = VERSION
  bytes[1] = ID_BYTES
  view.setBigUint64(2, BigInt(total), true)
  view.setBigUint64(10, BigInt(entries.length), true)
  for (const [i, { id, length, offset }] of entries.entries()) {
    const at = HEADER_BYTES + step * i
    view.setBigUint64(at, BigInt(offset), true)
    if (long) view.setBigUint64(at + 8, BigInt(length), true)
    bytes.set(id, at + step - ID_BYTES)
  }
  return bytes
}

/** The length of a map in its longer form, in bytes. */
export const longestMap = ({ entries }: BlobMap): number => HEADER_BYTES + LONG * entries.length

/** Whether a map has this length in bytes in either form. */
export const isMapLength = (length: number, { entries }: BlobMap): boolean =>
  length === HEADER_BYTES + SHORT * entries.length || length === HEADER_BYTES + LONG * entries.length

/** Whether two maps say the same. */
export const sameMap = (a: BlobMap, b: BlobMap): boolean =>
  a.total === b.total && a.entries.length === b.entries.length &&
  a.entries.every(({ id, length, offset }, i) => {
    const other = b.entries[i]!
    return offset === other.offset && length === other.length && id.every((byte, at) => byte === other.id[at])
  })

/**
 * Decodes either form; IDs are views of `bytes`. `object` is the name, for messages. Throws {@link RepositoryError}
 * `newer` for a later version, and `corrupt` for anything else that is not a map.
 */
export const decodeMap = (object: string, bytes: Uint8Array): BlobMap => {
  if (bytes.length < 2) throw corrupt(object, `${object} is too short for the map of a blob`)
  if (bytes[0] !== VERSION) {
    throw bytes[0]! > VERSION
      ? new RepositoryError({
        reason: "newer",
        object,
        message: `${object} has version ${bytes[0]}: a later program wrote it, and this Penstock cannot read it`,
      })
      : corrupt(object, `${object} is not the map of a blob`)
  }
  if (bytes[1] !== ID_BYTES || bytes.length < HEADER_BYTES) {
    throw corrupt(object, `${object} is not the map of a blob with IDs of ${ID_BYTES} bytes`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = view.getBigUint64(10, true)
  const body = bytes.length - HEADER_BYTES
  const long = count > 0n && BigInt(body) === count * BigInt(LONG)
  if (!long && BigInt(body) !== count * BigInt(SHORT)) {
    throw corrupt(object, `${object} claims ${count} extents, but has another length`)
  }
  const total = safe(object, view.getBigUint64(2, true))
  const step = long ? LONG : SHORT
  const offsetAt = (i: number): number => safe(object, view.getBigUint64(HEADER_BYTES + step * i, true))
  const entries: Array<MapEntry> = []
  let end = 0
  for (let i = 0; i < Number(count); i++) {
    const at = HEADER_BYTES + step * i
    const offset = offsetAt(i)
    const length = long
      ? safe(object, view.getBigUint64(at + 8, true))
      : (i + 1 < Number(count) ? offsetAt(i + 1) : total) - offset
    if (offset < end || length <= 0 || offset + length > total) {
      throw corrupt(object, `${object} has extents that overlap or go beyond its end`)
    }
    end = offset + length
    entries.push({ offset, length, id: bytes.subarray(at + step - ID_BYTES, at + step) })
  }
  // Without entries the forms are the same: all of the blob is a hole.
  if (!long && entries.length > 0 && entries[0]!.offset > 0) {
    throw corrupt(object, `${object} does not say how its blob begins`)
  }
  return { total, entries }
}

const safe = (object: string, value: bigint): number => {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(object, `${object} claims impossible lengths`)
  return Number(value)
}
