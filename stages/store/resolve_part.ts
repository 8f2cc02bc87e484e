/** Finds the bytes that a read asks for. */
import { invalid, tooLong, tooShort } from "./errors.ts"
import type { Range, StoreError, Whole } from "./store.ts"

/**
 * Where a part of an object of `size` bytes begins, and how long it is. Or the error: `invalid` when it is no range,
 * `corrupt` when it goes beyond either end or the whole object is longer than its limit.
 */
export const resolvePart = (
  name: string,
  location: string,
  size: number,
  part: Range | Whole,
): Range | StoreError =>
  "atMost" in part ? resolveWhole(name, location, size, part) : resolveRange(name, location, size, part)

/** {@link resolvePart} for a whole object. */
export const resolveWhole = (name: string, location: string, size: number, { atMost }: Whole): Range | StoreError =>
  size <= atMost ? { offset: 0, length: size } : tooLong(name, location, size, atMost)

/** {@link resolvePart} for a range. */
export const resolveRange = (name: string, location: string, size: number, range: Range): Range | StoreError => {
  if (!Number.isSafeInteger(range.offset) || !Number.isSafeInteger(range.length) || range.length < 0) {
    return invalid(name, `Cannot read ${range.length} bytes from ${range.offset} of "${name}": not a range`)
  }
  const offset = range.offset < 0 ? size + range.offset : range.offset
  return offset >= 0 && offset + range.length <= size
    ? { offset, length: range.length }
    : tooShort(name, location, size, `${range.length} bytes from ${range.offset}`)
}
