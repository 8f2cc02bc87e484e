/** Pages of B-trees (https://www.sqlite.org/fileformat2.html, section 1.6). */
import { damagedPage } from "./damage.ts"
import type { SqliteHeader } from "./header.ts"
import { lengthVarint, type Place, varint } from "./record.ts"

/** A page of a B-tree. Nothing but its header is checked yet. */
export interface TreePage {
  readonly number: number
  readonly bytes: Uint8Array
  /** Of a table with row IDs; otherwise of an index, or of a table without row IDs. */
  readonly table: boolean
  /** Whether it has no children. */
  readonly leaf: boolean
  /** How many cells it has. */
  readonly count: number
  /** Where the offsets of its cells begin. */
  readonly cells: number
}

/** A cell that has a row. */
export interface Cell {
  /** The ID of the row, in tables that have IDs. */
  readonly rowId: number | bigint | undefined
  /** The length of the row. */
  readonly total: number
  /** The part of the row that is in the page. */
  readonly local: Uint8Array
  /** The first page with the rest; 0 when there is none. */
  readonly overflow: number
}

const INTERIOR_INDEX = 2
const INTERIOR_TABLE = 5
const LEAF_INDEX = 10
const LEAF_TABLE = 13

/** Reads the header of a page of a B-tree. Throws SqliteError `corrupt`. */
export const readPage = (number: number, bytes: Uint8Array, { usableBytes }: SqliteHeader): TreePage => {
  const at = number === 1 ? 100 : 0
  const type = bytes[at]!
  if (type !== INTERIOR_INDEX && type !== INTERIOR_TABLE && type !== LEAF_INDEX && type !== LEAF_TABLE) {
    throw damagedPage(number, "is not a page of a table or index")
  }
  const leaf = type >= LEAF_INDEX
  const count = u16(bytes, at + 3)
  const cells = at + (leaf ? 8 : 12)
  if (cells + 2 * count > usableBytes) throw damagedPage(number, `cannot have ${count} rows`)
  return { number, bytes, table: type === INTERIOR_TABLE || type === LEAF_TABLE, leaf, count, cells }
}

/** The child before cell `index` of an interior page, or behind the last cell. */
export const childAt = (page: TreePage, index: number, header: SqliteHeader): number =>
  index === page.count ? u32(page.bytes, page.cells - 4) : u32(page.bytes, cellAt(page, index, header, 4))

/** The ID that separates two children of an interior page of a table: no row of the child before is above it. */
export const separatorAt = (page: TreePage, index: number, header: SqliteHeader): number | bigint => {
  const place: Place = { bytes: page.bytes, at: cellAt(page, index, header, 4) + 4, page: page.number }
  return varint(place, header.usableBytes)
}

/** The ID of a row in a leaf of a table. */
export const rowIdAt = (page: TreePage, index: number, header: SqliteHeader): number | bigint => {
  const place: Place = { bytes: page.bytes, at: cellAt(page, index, header, 1), page: page.number }
  varint(place, header.usableBytes)
  return varint(place, header.usableBytes)
}

/** The row in cell `index` of any page but an interior page of a table. Throws SqliteError `corrupt`. */
export const rowAt = (page: TreePage, index: number, header: SqliteHeader): Cell => {
  const { bytes } = page
  const { usableBytes } = header
  const place: Place = { bytes, at: cellAt(page, index, header, 4), page: page.number }
  if (!page.leaf) place.at += 4
  const total = lengthVarint(place, usableBytes, header.pageCount * usableBytes)
  const rowId = page.table ? varint(place, usableBytes) : undefined
  const length = localBytes(total, page.table, usableBytes)
  const end = place.at + length
  if (end + (length < total ? 4 : 0) > usableBytes) throw damagedPage(page.number, "has a row beyond its end")
  return { rowId, total, local: bytes.subarray(place.at, end), overflow: length < total ? u32(bytes, end) : 0 }
}

/** How many bytes of a row are in its page. */
const localBytes = (total: number, table: boolean, usable: number): number => {
  const most = table ? usable - 35 : Math.floor((usable - 12) * 64 / 255) - 23
  if (total <= most) return total
  const least = Math.floor((usable - 12) * 32 / 255) - 23
  const fitting = least + (total - least) % (usable - 4)
  return fitting <= most ? fitting : least
}

/** Where a cell begins. It has at least so many bytes. */
const cellAt = (page: TreePage, index: number, { usableBytes }: SqliteHeader, bytes: number): number => {
  const at = u16(page.bytes, page.cells + 2 * index)
  if (at < page.cells + 2 * page.count || at + bytes > usableBytes) {
    throw damagedPage(page.number, "has a row that lies outside")
  }
  return at
}

const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! << 8 | bytes[at + 1]!

/** The 32-bit number at `at`, big endian. */
export const u32 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 65536 + u16(bytes, at + 2)
