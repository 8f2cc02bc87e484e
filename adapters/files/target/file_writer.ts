/** Writes one file beside its place, unless the file that is there has the same content. */
import type { Hash } from "node:crypto"
import * as fs from "node:fs"
import { createNew, hasBytesAt, putAll, READ_SAFELY } from "../system/open.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import { areSharedZeros } from "../../../stages/memory/zeros.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { isRegular } from "../system/metadata.ts"
import { type NativePath, removeQuietly } from "../system/native.ts"
import { type Stats, statsOfOpen } from "../system/stats.ts"

/** A hole replaces whole blocks of zeros of this length and alignment, in bytes, as common file systems allocate. */
const HOLE = 4096
const zeros: Uint8Array = new Uint8Array(HOLE)
/** How many bytes are compared or copied at once. */
const COPY_BYTES = 1 << 20
/** Shorter pieces, in bytes, are written faster than they are handed over. */
const BESIDE = 256 << 10

/**
 * As long as the content equals the file that it is compared with, nothing is written. At the first difference, the
 * temporary file is made, gets a copy of the equal part, and takes the rest. It needs one buffer, whatever the size.
 */
export class FileWriter {
  readonly #path: string
  readonly #temp: NativePath
  readonly #mode: number
  readonly #sparse: boolean
  readonly #limit: number
  readonly #digest: Hash | undefined
  /** The file to compare with, and its state when it was opened. */
  #against = -1
  #stats: Stats | undefined
  #equal = false
  #out = -1
  /** Whether this object made a file at `temp`. */
  #made = false
  #named = false
  #position = 0

  /**
   * `temp`: the path to write the new file at. `mode`: the mode to make it with. `against`: the file to compare with.
   * `digest`: takes all bytes, too.
   */
  constructor(entry: Entry, temp: NativePath, mode: number, against: NativePath | undefined, digest?: Hash) {
    this.#digest = digest
    this.#path = entry.path
    this.#temp = temp
    this.#mode = mode
    this.#sparse = entry.sparse === true
    this.#limit = entry.size ?? Infinity
    if (against !== undefined) this.#compareWith(against)
  }

  /** How many bytes came so far. */
  get position(): number {
    return this.#position
  }

  /** The descriptor, after {@link end}: of the equal file, or of the new one. */
  get fd(): number {
    return this.#equal ? this.#against : this.#out
  }

  /**
   * Takes the next bytes. They are the caller's again when it returns. Throws when there are more than the entry says.
   */
  write(bytes: Uint8Array): void {
    this.#count(bytes)
    if (this.#equal) {
      if (this.#same(bytes)) {
        this.#position += bytes.length
        return
      }
      this.separate()
    } else if (this.#out < 0) this.#create()
    this.#put(bytes, this.#position)
    this.#position += bytes.length
  }

  /**
   * Takes the next bytes, and may write them while this thread does other things. It then returns a promise: the bytes
   * are the caller's again, and the next call may come, when the promise is settled.
   */
  writeBeside(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length < BESIDE || this.#sparse || this.#out < 0) return this.write(bytes) as undefined
    this.#count(bytes)
    const position = this.#position
    this.#position += bytes.length
    const put = (at: number): Promise<void> =>
      new Promise((resolve, reject) =>
        fs.write(this.#out, bytes, at, bytes.length - at, position + at, (error, written) => {
          if (error !== null) reject(error)
          else if (at + written < bytes.length) put(at + written).then(resolve, reject)
          else resolve()
        })
      )
    return put(0)
  }

  #count(bytes: Uint8Array): void {
    this.#digest?.update(bytes)
    if (this.#position + bytes.length > this.#limit) {
      throw new TargetError({
        reason: "io",
        path: this.#path,
        message: `Its content is longer than the ${this.#limit} bytes that it should have`,
      })
    }
  }

  /**
   * Call it after the last bytes. Returns true when the content is that of the file compared with. Otherwise the new
   * file is complete.
   */
  end(): boolean {
    if (this.#equal && this.#position === Number(this.#stats!.size)) return true
    if (this.#equal) this.separate()
    else if (this.#out < 0) this.#create()
    if (this.#sparse) fs.ftruncateSync(this.#out, this.#position)
    return false
  }

  /** Goes on with a new file, which gets the bytes that came so far. */
  separate(): void {
    this.#equal = false
    this.#create()
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, this.#position))
    for (let at = 0; at < this.#position;) {
      const count = fs.readSync(this.#against, buffer, 0, Math.min(buffer.length, this.#position - at), at)
      if (count === 0) break
      this.#put(buffer.subarray(0, count), at)
      at += count
    }
    const now = statsOfOpen(this.#against)
    const then = this.#stats!
    if (now.mtimeNs !== then.mtimeNs || now.ctimeNs !== then.ctimeNs || now.size !== then.size) {
      throw new TargetError({
        reason: "io",
        path: this.#path,
        message: "Another program changed the file in its place meanwhile; restore it again",
      })
    }
    if (this.#sparse) fs.ftruncateSync(this.#out, this.#position)
  }

  /** Closes the new file. Some file systems report only then that writing failed. */
  closeNew(): void {
    const out = this.#out
    this.#out = -1
    fs.closeSync(out)
  }

  /** Call it when the new file has its name: {@link close} then leaves it alone. */
  named(): void {
    this.#made = false
    this.#named = true
  }

  /** The digest of what was written, if a new file has its name. */
  get written(): Hash | undefined {
    return this.#named ? this.#digest : undefined
  }

  /** Closes the files, and removes the new one unless it has its name. May be called more than once. */
  close(): void {
    const open = [this.#against, this.#out]
    this.#against = -1
    this.#out = -1
    if (this.#made) removeQuietly(this.#temp)
    this.#made = false
    for (const fd of open) if (fd >= 0) fs.closeSync(fd)
  }

  #compareWith(against: NativePath): void {
    try {
      this.#against = fs.openSync(against, READ_SAFELY)
      this.#stats = statsOfOpen(this.#against)
      this.#equal = isRegular(this.#stats)
    } catch {
      // The file cannot be read, so it cannot be compared, and a new one replaces it.
    }
  }

  #create(): void {
    this.#out = createNew(this.#temp, this.#mode)
    this.#made = true
  }

  #same(bytes: Uint8Array): boolean {
    const end = this.#position + bytes.length
    if (end > Number(this.#stats!.size)) return false
    return hasBytesAt(this.#against, this.#position, bytes, Buffer.allocUnsafe(Math.min(COPY_BYTES, bytes.length)))
  }

  #put(bytes: Uint8Array, position: number): void {
    if (!this.#sparse) return this.#putAll(bytes, 0, bytes.length, position)
    // The file is new: what is not written reads as zeros.
    if (areSharedZeros(bytes)) return
    let from = 0
    for (let at = 0; at < bytes.length;) {
      const to = Math.min(bytes.length, at + HOLE - ((position + at) % HOLE))
      if (Buffer.compare(bytes.subarray(at, to), zeros.subarray(0, to - at)) === 0) {
        this.#putAll(bytes, from, at, position)
        from = to
      }
      at = to
    }
    this.#putAll(bytes, from, bytes.length, position)
  }

  #putAll(bytes: Uint8Array, from: number, to: number, position: number): void {
    putAll(this.#out, bytes, from, to, position + from)
  }
}
