/**
 * Where the content of a member is in its archive. It has the form of a chunk list, so that the tree of a catalog can
 * hold it.
 */
import { CHUNK_BYTES } from "../catalog/tree/row.ts"
import type { Member } from "./members.ts"
import type { Segment } from "./segments.ts"

/** The place of the data of one member. */
export interface Place extends Pick<Member, "offset" | "stored"> {
  readonly segments?: ReadonlyArray<Segment>
}

/**
 * Big-endian doubles, which hold every safe integer: offset, number of bytes, number of segments (-1 for a file without
 * holes), then offset and length of each segment. Zeros fill it up to whole records of a chunk list.
 */
export const encodePlace = ({ offset, segments, stored }: Place): Uint8Array => {
  const numbers = [offset, stored, segments?.length ?? -1]
  for (const segment of segments ?? []) numbers.push(segment.offset, segment.length)
  const bytes = new Uint8Array(Math.ceil(numbers.length * 8 / CHUNK_BYTES) * CHUNK_BYTES)
  const view = new DataView(bytes.buffer)
  numbers.forEach((number, i) => view.setFloat64(i * 8, number))
  return bytes
}

/** The inverse of {@link encodePlace}. */
export const decodePlace = (bytes: Uint8Array): Place => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const place = { offset: view.getFloat64(0), stored: view.getFloat64(8) }
  const count = view.getFloat64(16)
  if (count < 0) return place
  return {
    ...place,
    segments: Array.from({ length: count }, (_, i) => ({
      offset: view.getFloat64(24 + i * 16),
      length: view.getFloat64(32 + i * 16),
    })),
  }
}
