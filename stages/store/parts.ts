/** Bytes in parts, as `put` takes them. */

/** Their length together. */
export const sizeOfParts = (parts: ReadonlyArray<Uint8Array>): number =>
  parts.reduce((sum, part) => sum + part.length, 0)

/** One after the other, copied into fresh bytes. */
export const joinParts = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(sizeOfParts(parts))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Whether the parts together are these bytes. */
export const equalsParts = (bytes: Uint8Array, parts: ReadonlyArray<Uint8Array>): boolean => {
  if (bytes.length !== sizeOfParts(parts)) return false
  let at = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) if (part[i] !== bytes[at + i]) return false
    at += part.length
  }
  return true
}
