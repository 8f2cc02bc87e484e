/** The text of headers of age files (https://age-encryption.org/v1, "Header"), as bytes. Needs no keys. */

/** What every age file begins with. */
export const AGE_INTRO: Uint8Array = new TextEncoder().encode("age-encryption.org/v1\n")
/** Bytes of the longest header that is accepted: about 1000 recipients. */
export const AGE_HEADER_MAXIMUM: number = 128 << 10

const LINE_FEED = 0x0a
const DASH = 0x2d
const ARROW = 0x3e
const SCRYPT = new TextEncoder().encode("-> scrypt ")

/** Whether bytes begin like an age file. */
export const isAge = (bytes: Uint8Array): boolean =>
  bytes.length >= AGE_INTRO.length && AGE_INTRO.every((byte, i) => bytes[i] === byte)

/**
 * Length of the header at the start of the bytes, in bytes. The line that begins with `---` is its last. Undefined when
 * that line does not end within the bytes.
 */
export const headerLength = (bytes: Uint8Array): number | undefined => {
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
    if (bytes[at + 1] === DASH && bytes[at + 2] === DASH && bytes[at + 3] === DASH) {
      const end = bytes.indexOf(LINE_FEED, at + 4)
      return end < 0 ? undefined : end + 1
    }
  }
  return undefined
}

/** Number of stanzas of a header. Some may be for nobody ("grease"). */
export const stanzaCount = (header: Uint8Array): number => stanzaStarts(header).length

/** Whether a header is for a passphrase. */
export const isForPassphrase = (header: Uint8Array): boolean =>
  stanzaStarts(header).some((at) => SCRYPT.every((byte, i) => header[at + i] === byte))

/** Where the stanzas begin: lines that start with `->`. */
const stanzaStarts = (header: Uint8Array): ReadonlyArray<number> => {
  const starts: Array<number> = []
  for (let at = header.indexOf(LINE_FEED); at >= 0; at = header.indexOf(LINE_FEED, at + 1)) {
    if (header[at + 1] === DASH && header[at + 2] === ARROW) starts.push(at + 1)
  }
  return starts
}
