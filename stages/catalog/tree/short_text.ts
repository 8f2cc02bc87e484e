/**
 * Paths and names as bytes and back, as in `path.ts`, but faster for short ASCII text, which most names are. A call of
 * the encoder would cost several times as much as the rest of a row.
 */
import { pathFromBytes, pathToBytes } from "../../walk/path.ts"

/** Up to this many bytes, a loop is faster than the encoder. */
const SHORT = 64

/** As {@link pathToBytes}. The bytes are fresh. */
export const textToBytes = (text: string): Uint8Array => {
  if (text.length > SHORT) return pathToBytes(text)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return pathToBytes(text)
    bytes[i] = code
  }
  return bytes
}

/** As {@link pathFromBytes}, for `bytes[from..to)`. */
export const textFromBytes = (bytes: Uint8Array, from: number = 0, to: number = bytes.length): string => {
  if (to - from > SHORT) return pathFromBytes(bytes.subarray(from, to))
  let text = ""
  for (let i = from; i < to; i++) {
    const code = bytes[i]!
    if (code > 0x7f) return pathFromBytes(bytes.subarray(from, to))
    text += String.fromCharCode(code)
  }
  return text
}
