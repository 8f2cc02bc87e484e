/** Objects in pieces: SQLite reads and writes each row whole, so an object takes many rows. */
import { StoreError } from "../../../stages/store/store.ts"

/** Bytes of a piece; the last one of an object may be shorter. */
export const PIECE_BYTES: number = 256 << 10
/** Piece n of object o has the row ID o * 2^20 + n. So an object has up to 2^20 pieces, which are 256 GiB. */
export const PIECES: number = 1 << 20

/** The row ID of a piece. Throws `invalid` if the object gets too long. */
export const pieceId = (name: string, location: string, object: number, piece: number): number => {
  if (piece < PIECES) return object * PIECES + piece
  throw new StoreError({
    reason: "invalid",
    object: name,
    message: `"${name}" is too long for ${location}: an object has 256 GiB at most`,
  })
}

/** Cuts the parts anew into pieces. A piece may be used until the next one is requested. */
export function* piecesOf(parts: ReadonlyArray<Uint8Array>): Generator<Uint8Array> {
  const held = new Uint8Array(PIECE_BYTES)
  let filled = 0
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const take = Math.min(part.length - at, PIECE_BYTES - filled)
      if (take === PIECE_BYTES) yield part.subarray(at, at + take)
      else {
        held.set(part.subarray(at, at + take), filled)
        filled = (filled + take) % PIECE_BYTES
        if (filled === 0) yield held
      }
      at += take
    }
  }
  if (filled > 0) yield held.subarray(0, filled)
}
