/** JSON whose integers may be beyond 2^53, and lists in JSON that are read one element at a time. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { KernelError } from "../../stages/kernel/kernel.ts"

/** Bytes of one element at most. */
const ELEMENT_MAXIMUM = 64 << 10
/** Arrays and objects within each other at most. */
const DEPTH_MAXIMUM = 32

/** Strings, which stay as they are, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/gs
const INTEGER = /^-?[1-9]\d*$/

/** As JSON.parse, but integers that are not exact as numbers are strings of their digits. Throws SyntaxError. */
export const parseExact = (text: string): unknown =>
  JSON.parse(
    text.replace(TOKENS, (token) =>
      token.length > 15 && INTEGER.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token),
  )

/** An integer of 64 bits: a number in JSON, or its digits as a string. */
export const Integer: Schema.Codec<bigint, number | string> = Schema.Union([
  Schema.Int,
  Schema.String.check(Schema.isPattern(/^-?\d{1,20}$/)),
]).pipe(Schema.decodeTo(
  Schema.BigInt,
  SchemaTransformation.transform({
    decode: (value: number | string) => BigInt(value),
    encode: (value: bigint): number | string => String(value),
  }),
))

/** As JSON.stringify without spaces; a bigint is the number that it is. */
export const stringifyExact = (value: Readonly<Record<string, unknown>>): string =>
  `{${
    Object.entries(value).filter(([, member]) => member !== undefined).map(([name, member]) =>
      `${JSON.stringify(name)}:${typeof member === "bigint" ? String(member) : JSON.stringify(member)}`
    ).join(",")
  }}`

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN = new Set([0x5b, 0x7b])
const CLOSE = new Set([0x5d, 0x7d])

const invalid = (what: string): KernelError =>
  new KernelError({ kernel: "json", reason: "corrupt", message: `It is not a list in JSON: ${what}` })

/**
 * Splits an array, or an object, into its elements: the text of each. Those of an object are `"name": value`. Whether
 * an element is valid is for its parser to say. Throws KernelError `corrupt`.
 */
export class JsonElements {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  #object: boolean | undefined
  #depth = 0
  #quoted = false
  #escaped = false
  #ended = false
  #count = 0
  #held: Uint8Array = new Uint8Array(1024)
  #length = 0

  /** Whether it is an object; undefined before its first byte. */
  get isObject(): boolean | undefined {
    return this.#object
  }

  push(bytes: Uint8Array): ReadonlyArray<string> {
    const out: Array<string> = []
    for (const byte of bytes) {
      if (this.#quoted) {
        this.#keep(byte)
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#quoted = false
        continue
      }
      if (SPACE.has(byte)) {
        if (this.#length > 0) this.#keep(byte)
        continue
      }
      if (this.#ended) throw invalid("it goes on after its end")
      if (this.#object === undefined) {
        if (!OPEN.has(byte)) throw invalid("it begins with neither [ nor {")
        this.#object = byte === 0x7b
        this.#depth = 1
        continue
      }
      if (CLOSE.has(byte)) {
        if (--this.#depth === 0) {
          if ((byte === 0x7d) !== this.#object) throw invalid("its brackets do not match")
          if (this.#length > 0 || this.#count > 0) out.push(this.#take())
          this.#ended = true
          continue
        }
      } else if (OPEN.has(byte)) {
        if (++this.#depth > DEPTH_MAXIMUM) throw invalid("it is too deep")
      } else if (byte === COMMA && this.#depth === 1) {
        out.push(this.#take())
        continue
      } else if (byte === QUOTE) this.#quoted = true
      this.#keep(byte)
    }
    return out
  }

  end(): ReadonlyArray<string> {
    if (!this.#ended) throw invalid("it has no end")
    return []
  }

  #keep(byte: number): void {
    if (this.#length === this.#held.length) {
      if (this.#length >= ELEMENT_MAXIMUM) throw invalid("one of its elements is too long")
      const grown = new Uint8Array(this.#length * 4)
      grown.set(this.#held)
      this.#held = grown
    }
    this.#held[this.#length++] = byte
  }

  #take(): string {
    if (this.#length === 0) throw invalid("an element is empty")
    const bytes = this.#held.subarray(0, this.#length)
    this.#length = 0
    this.#count++
    try {
      return this.#decoder.decode(bytes)
    } catch {
      throw invalid("it is not UTF-8")
    }
  }
}
