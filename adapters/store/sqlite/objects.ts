/** Objects in the tables. All of this is synchronous; the caller runs it in a transaction. */
import { resolvePart } from "../../../stages/store/resolve_part.ts"
import { alreadyExists, notFound } from "../../../stages/store/errors.ts"
import { type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import { discardObject, type Statements } from "./database.ts"
import { PIECE_BYTES, PIECES } from "./pieces.ts"

/** The row of an object. */
export interface ObjectRow {
  readonly id: number
  /** In bytes. */
  readonly size: number
}

/** The object of that name, or undefined. */
export const lookUpObject = (sql: Statements, name: string): ObjectRow | undefined =>
  sql.find.get(name) as ObjectRow | undefined

/** The object of that name. Throws `not-found`. */
export const findObject = (sql: Statements, name: string, location: string): ObjectRow => {
  const row = lookUpObject(sql, name)
  if (row === undefined) throw notFound(name, location)
  return row
}

/** Adds an object that has no name yet, and gives its ID. */
export const startObject = (sql: Statements): number => Number(sql.start.run(Date.now()).lastInsertRowid)

/** Gives an object its name and size. Throws `exists` if another has that name, unless `replace` is set. */
export const publishObject = (
  sql: Statements,
  location: string,
  { id, size }: ObjectRow,
  name: string,
  replace: boolean,
): void => {
  const before = lookUpObject(sql, name)
  if (before !== undefined) {
    if (!replace) throw alreadyExists(name, location)
    discardObject(sql, before.id)
  }
  sql.publish.run(name, size, id)
}

/** Reads an object or a part of it. Throws `not-found`, `corrupt` or `invalid`. */
export const readObject = (sql: Statements, name: string, location: string, wanted: Range | Whole): Uint8Array => {
  const { id, size } = findObject(sql, name, location)
  const part = resolvePart(name, location, size, wanted)
  if (part instanceof StoreError) throw part
  const bytes = new Uint8Array(part.length)
  if (part.length === 0) return bytes
  const first = Math.floor(part.offset / PIECE_BYTES)
  const last = Math.floor((part.offset + part.length - 1) / PIECE_BYTES)
  const pieces = sql.readPieces.all(id * PIECES + first, id * PIECES + last) as Array<{ bytes: Uint8Array }>
  let at = first * PIECE_BYTES - part.offset
  for (const { bytes: piece } of pieces) {
    const skip = Math.max(0, -at)
    bytes.set(piece.subarray(skip, skip + bytes.length - Math.max(0, at)), Math.max(0, at))
    at += piece.length
  }
  if (at >= part.length) return bytes
  throw new StoreError({
    reason: "corrupt",
    object: name,
    message: `A part of "${name}" in ${location} is missing: the file is damaged`,
  })
}
