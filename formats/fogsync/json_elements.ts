/** Splits a long list in JSON into its elements, so that it can be read one element at a time. */
import { KernelError } from "../../stages/kernel/kernel.ts"
import { ELEMENT_MAXIMUM, JSON_DEPTH_MAXIMUM } from "./limits.ts"

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN = new Set([0x5b, OPEN_BRACE])
const CLOSE = new Set([0x5d, CLOSE_BRACE])
/** First size of the buffer for an element. */
const FIRST_BYTES = 1 << 10

const invalid = (what: string): KernelError =>
  new KernelError({ kernel: "json", reason: "corrupt", message: `It is not a list in JSON: ${what}` })

/**
 * Splits an array or an object into the texts of its elements. Those of an object are `"name": value`. Only the outer
 * structure is checked: whether an element is valid is for its parser to say. Throws KernelError `corrupt`.
 */
export class JsonElements {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  #object: boolean | undefined
  #depth = 0
  #quoted = false
  #escaped = false
  #ended = false
  #count = 0
  #held: Uint8Array = new Uint8Array(FIRST_BYTES)
  #length = 0

  /** Whether the list is an object. Undefined before its first byte. */
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
        this.#object = byte === OPEN_BRACE
        this.#depth = 1
        continue
      }
      if (CLOSE.has(byte)) {
        if (--this.#depth === 0) {
          if ((byte === CLOSE_BRACE) !== this.#object) throw invalid("its brackets do not match")
          if (this.#length > 0 || this.#count > 0) out.push(this.#take())
          this.#ended = true
          continue
        }
      } else if (OPEN.has(byte)) {
        if (++this.#depth > JSON_DEPTH_MAXIMUM) throw invalid("it is too deep")
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
