/**
 * Paths and names as bytes and back, as in `path.ts`, but without a call of the encoder for short ASCII, which most
 * names are: such a call costs several times what the rest of a row does.
 */
import { pathFromBytes, pathToBytes } from "../../walk/path.ts"

/** Up to this length a loop is faster, in bytes. */
const SHORT = 64

/** The same as {@link pathToBytes}, fresh. */
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

/** The same as {@link pathFromBytes} of `bytes[from..to)`. */
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
