/** Compressed bytes that come in pieces. */
export class Input {
  /** The bytes at hand. The next one is at `at`. */
  bytes: Uint8Array
  at: number
  /** Whether nothing comes after these bytes. */
  final: boolean

  /** Does not copy `bytes`. */
  constructor(bytes: Uint8Array = new Uint8Array(0), at = 0, final = false) {
    this.bytes = bytes
    this.at = at
    this.final = final
  }

  /** Adds bytes, which it copies. Drops bytes before `at`, except a few that a decoder may go back to. */
  give(bytes: Uint8Array): void {
    const from = Math.max(0, this.at - 4)
    const joined = new Uint8Array(this.bytes.length - from + bytes.length)
    joined.set(this.bytes.subarray(from))
    joined.set(bytes, this.bytes.length - from)
    this.bytes = joined
    this.at -= from
  }

  /** Whether fewer bytes than `count` are at hand, and more may come. */
  lacks(count: number): boolean {
    return !this.final && this.bytes.length - this.at < count
  }
}
