/** Bytes in several parts, as `ObjectStore.put` takes them. */

/** The length of all parts together. */
export const sizeOfParts = (parts: ReadonlyArray<Uint8Array>): number =>
  parts.reduce((sum, part) => sum + part.length, 0)

/** Copies the parts, one after the other, into fresh bytes. */
export const joinParts = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(sizeOfParts(parts))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Whether the parts, one after the other, are these bytes. */
export const equalsParts = (bytes: Uint8Array, parts: ReadonlyArray<Uint8Array>): boolean => {
  if (bytes.length !== sizeOfParts(parts)) return false
  let at = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) if (part[i] !== bytes[at + i]) return false
    at += part.length
  }
  return true
}
