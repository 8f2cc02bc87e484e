/** Reads the fields of nodes and items of the tree of paths, and never beyond their end. */
import { KernelError } from "../../stages/kernel/kernel.ts"
import { type Bptr, BPTR_BYTES, decodeBptr } from "./bptr.ts"
import { PATH_MAXIMUM } from "./limits.ts"

/** A node or item is not valid. The message is a clause. */
export const invalid = (what: string): KernelError =>
  new KernelError({ kernel: "tree", reason: "corrupt", message: what })

/** Reads fields one after the other. Integers are big endian. All methods throw KernelError `corrupt`. */
export class Fields {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = at
  }

  /** How many bytes are left. */
  get rest(): number {
    return this.#bytes.length - this.#at
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    if (length > this.rest) throw invalid("a field goes beyond the end")
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  u16(): number {
    this.take(2)
    return this.#view.getUint16(this.#at - 2)
  }

  u64(): bigint {
    this.take(8)
    return this.#view.getBigUint64(this.#at - 8)
  }

  address(): Bptr {
    const bptr = decodeBptr(this.take(BPTR_BYTES))
    if (bptr === undefined) throw invalid("an address is impossible")
    return bptr
  }

  /** A path or target with its length before it; a copy. */
  text(): Uint8Array {
    const length = this.u16()
    if (length > PATH_MAXIMUM) throw invalid(`a path claims ${length} bytes`)
    return this.take(length).slice()
  }
}
