/**
 * Paths as strings that lose no byte. A string is the path decoded as UTF-8; every byte that is not part of valid UTF-8
 * becomes the lone surrogate U+DC00 + byte. Source: PEP 383 ("surrogateescape").
 */

/** The longest path of an entry, in UTF-16 units. It is far longer than systems take, and bounds nested directories. */
export const PATH_MAXIMUM = 65_535

const decoder: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder: TextEncoder = new TextEncoder()

/**
 * Decodes the bytes of a name, link target or path.
 *
 * @example Decode a name that is not UTF-8
 * ```ts
 * import assert from "node:assert/strict"
 * import { pathFromBytes, pathToBytes } from "@penstock/penstock/format"
 *
 * const name = Uint8Array.of(0x61, 0xff)
 * assert.equal(pathFromBytes(name), "a\udcff")
 * assert.deepEqual(pathToBytes("a\udcff"), name)
 * ```
 */
export const pathFromBytes = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    return escapeInvalid(bytes)
  }
}

/**
 * The inverse of {@link pathFromBytes} for all bytes. Lone surrogates that it never makes become U+FFFD.
 *
 * @example Encode a path
 * ```ts
 * import assert from "node:assert/strict"
 * import { pathToBytes } from "@penstock/penstock/format"
 *
 * assert.deepEqual(pathToBytes("a/b"), Uint8Array.of(0x61, 0x2f, 0x62))
 * ```
 */
export const pathToBytes = (path: string): Uint8Array => {
  if (path.isWellFormed()) return encoder.encode(path)
  const out: Array<number> = []
  for (const character of path) {
    const code = character.codePointAt(0)!
    if (code >= 0xdc80 && code <= 0xdcff) out.push(code - 0xdc00)
    else for (const byte of encoder.encode(character)) out.push(byte)
  }
  return Uint8Array.from(out)
}

/** Whether the path has bytes that are not UTF-8. */
export const isByteName = (path: string): boolean => !path.isWellFormed()

/**
 * The most names that the path of an entry may have: as many as fit into the 4,096 bytes that Linux takes. Without a
 * bound, the paths of nested directories would take memory by the square of their number.
 */
export const DEPTH_MAXIMUM = 2048

/** Why an entry with this path lies too deep for any format; undefined when it does not. */
export const depthProblem = (path: string): string | undefined => {
  if (path.length < 2 * DEPTH_MAXIMUM) return undefined
  if (path.length > PATH_MAXIMUM) return "its path is longer than 65,535 characters"
  let names = 1
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) names++
  return names > DEPTH_MAXIMUM ? "it lies more than 2,048 directories deep" : undefined
}

/**
 * Why no entry can have this path; undefined when one can.
 *
 * @example Refuse a path that leads upwards
 * ```ts
 * import assert from "node:assert/strict"
 * import { pathProblem } from "@penstock/penstock/format"
 *
 * assert.equal(pathProblem("a/../b"), 'it has a component ".."')
 * assert.equal(pathProblem("a/b"), undefined)
 * ```
 */
export const pathProblem = (path: string): string | undefined => {
  if (path === "") return undefined
  const deep = depthProblem(path)
  if (deep !== undefined) return deep
  if (path.includes("\0")) return "it contains a NUL byte"
  if (path.startsWith("/")) return "it is absolute"
  for (const component of path.split("/")) {
    if (component === "") return "it has an empty component"
    if (component === "." || component === "..") return `it has a component "${component}"`
  }
  return undefined
}

/**
 * Matches characters that are not shown but change a terminal or the text around them: control characters, marks and
 * overrides of the writing direction, line separators. Also matches lone surrogates, which stand for bytes.
 */
export const HIDDEN_CHARACTERS =
  "[\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"

const HIDDEN = new RegExp(HIDDEN_CHARACTERS, "gu")

/** Matches a backslash that {@link unquotePath} would take for the beginning of a byte. */
const AMBIGUOUS = /\\(?=x[0-9a-f]{2})/gi

/** Writes each byte of a text as `\xNN`. */
const asBytes = (text: string): string =>
  Array.from(pathToBytes(text), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")

/**
 * A path for messages and listings: hidden characters and bytes that are not UTF-8 become `\xNN`. Different paths never
 * look alike, and {@link unquotePath} gives the path back.
 *
 * @example Show a path that would change the color of the terminal
 * ```ts
 * import assert from "node:assert/strict"
 * import { displayPath } from "@penstock/penstock"
 *
 * assert.equal(displayPath("notes/\u001b[31mred"), "notes/\\x1b[31mred")
 * ```
 */
export const displayPath = (path: string): string => path.replace(AMBIGUOUS, asBytes).replace(HIDDEN, asBytes)

/**
 * A path for programs: as {@link displayPath}, but only bytes that are not UTF-8 become `\xNN`.
 *
 * @example Print a path for a program
 * ```ts
 * import assert from "node:assert/strict"
 * import { quotePath } from "@penstock/penstock/format"
 *
 * assert.equal(quotePath("a\udcff"), "a\\xff")
 * ```
 */
export const quotePath = (path: string): string =>
  path.replace(AMBIGUOUS, asBytes).replace(/[\udc80-\udcff]/gu, asBytes)

/**
 * The inverse of {@link displayPath} and {@link quotePath}: every `\xNN` becomes a byte.
 *
 * @example Read a path that was printed
 * ```ts
 * import assert from "node:assert/strict"
 * import { quotePath, unquotePath } from "@penstock/penstock/format"
 *
 * assert.equal(unquotePath(quotePath("a\udcff")), "a\udcff")
 * ```
 */
export const unquotePath = (text: string): string =>
  text.replace(
    /(?:\\x[0-9a-f]{2})+/gi,
    (bytes) => pathFromBytes(Uint8Array.from(bytes.slice(2).split(/\\x/i), (digits) => parseInt(digits, 16))),
  )

/**
 * A text for messages: the characters that {@link displayPath} replaces become `\xNN`. It has no inverse.
 *
 * @example Show a tag with a control character
 * ```ts
 * import assert from "node:assert/strict"
 * import { displayText } from "@penstock/penstock/format"
 *
 * assert.equal(displayText("red\u001b[31m"), "red\\x1b[31m")
 * ```
 */
export const displayText = (text: string): string => text.replace(HIDDEN, asBytes)

/**
 * Everything before the last `/`; `""` when there is none.
 *
 * @example Find the directory of an entry
 * ```ts
 * import assert from "node:assert/strict"
 * import { parentPath } from "@penstock/penstock/format"
 *
 * assert.equal(parentPath("a/b/c"), "a/b")
 * assert.equal(parentPath("a"), "")
 * ```
 */
export const parentPath = (path: string): string => {
  const slash = path.lastIndexOf("/")
  return slash < 0 ? "" : path.slice(0, slash)
}

/**
 * Everything after the last `/`.
 *
 * @example Find the name of an entry
 * ```ts
 * import assert from "node:assert/strict"
 * import { baseName } from "@penstock/penstock/format"
 *
 * assert.equal(baseName("a/b/c"), "c")
 * ```
 */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

/**
 * Joins a directory and a name by `/`. When one of them is empty, gives the other.
 *
 * @example Make the path of an entry in the root
 * ```ts
 * import assert from "node:assert/strict"
 * import { joinPath } from "@penstock/penstock/format"
 *
 * assert.equal(joinPath("", "a"), "a")
 * assert.equal(joinPath("a", "b"), "a/b")
 * ```
 */
export const joinPath = (directory: string, name: string): string =>
  directory === "" ? name : name === "" ? directory : `${directory}/${name}`

const escapeInvalid = (bytes: Uint8Array): string => {
  let out = ""
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    if (length === 0) {
      out += String.fromCharCode(0xdc00 + bytes[at]!)
      at += 1
    } else {
      out += decoder.decode(bytes.subarray(at, at + length))
      at += length
    }
  }
  return out
}

/** The length of the valid UTF-8 sequence at `at`; 0 when there is none (RFC 3629, section 4). */
const sequenceLength = (bytes: Uint8Array, at: number): number => {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first >= 0xc2 && first <= 0xdf
    ? 2
    : first >= 0xe0 && first <= 0xef
    ? 3
    : first >= 0xf0 && first <= 0xf4
    ? 4
    : 0
  if (length === 0 || at + length > bytes.length) return 0
  const second = bytes[at + 1]!
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  return length
}
