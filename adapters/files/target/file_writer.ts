/** Writes one file beside its place, unless a file that is there has the same content already. */
import * as fs from "node:fs"
import { createNew, hasBytesAt, putAll, READ_SAFELY } from "../system/open.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { isRegular } from "../system/metadata.ts"
import { type NativePath, removeQuietly } from "../system/native.ts"
import { type Stats, statsOfOpen } from "../system/stats.ts"

/** Holes are made of whole blocks of zeros, of this length and alignment: what common file systems allocate. */
const HOLE = 4096
const zeros: Uint8Array = new Uint8Array(HOLE)
const COPY = 1 << 20
/** Shorter pieces are written faster than they are handed over. */
const BESIDE = 256 << 10

/**
 * As long as what comes equals the file it is compared with, nothing is written. At the first difference the temporary
 * file is made, gets a copy of what was equal, and takes all the rest. Memory: one buffer, whatever the size.
 */
export class FileWriter {
  readonly #path: string
  readonly #temp: NativePath
  readonly #mode: number
  readonly #sparse: boolean
  readonly #limit: number
  /** The file compared with, and what it was like when opened. */
  #against = -1
  #stats: Stats | undefined
  #equal = false
  #out = -1
  /** Whether there is a file at `temp` that is ours. */
  #made = false
  #position = 0

  /** `temp`: the name that the new file gets; `mode`: what it is made with. `against`: the file to compare with. */
  constructor(entry: Entry, temp: NativePath, mode: number, against: NativePath | undefined) {
    this.#path = entry.path
    this.#temp = temp
    this.#mode = mode
    this.#sparse = entry.sparse === true
    this.#limit = entry.size ?? Infinity
    if (against !== undefined) this.#compareWith(against)
  }

  /** Bytes so far. */
  get position(): number {
    return this.#position
  }

  /** The open file of {@link end}: the one that is equal, else the new one. */
  get fd(): number {
    return this.#equal ? this.#against : this.#out
  }

  /**
   * Takes the next bytes; they are the caller's again when it returns. Throws when there are more than the entry says.
   */
  write(bytes: Uint8Array): void {
    this.#checkLength(bytes)
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
   * The same for bytes that are worth it to be written while this thread does other things: a promise when that is
   * under way. The bytes are the caller's again, and the next call may come, when it is kept.
   */
  writeBeside(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length < BESIDE || this.#sparse || this.#out < 0) return this.write(bytes) as undefined
    this.#checkLength(bytes)
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

  #checkLength(bytes: Uint8Array): void {
    if (this.#position + bytes.length > this.#limit) {
      throw new TargetError({
        reason: "io",
        path: this.#path,
        message: `Its content is longer than the ${this.#limit} bytes that it should have`,
      })
    }
  }

  /** After the last bytes. True when the content is that of the file compared with; else the new file is complete. */
  end(): boolean {
    if (this.#equal && this.#position === Number(this.#stats!.size)) return true
    if (this.#equal) this.separate()
    else if (this.#out < 0) this.#create()
    if (this.#sparse) fs.ftruncateSync(this.#out, this.#position)
    return false
  }

  /** Goes on with a new file that has what came so far. */
  separate(): void {
    this.#equal = false
    this.#create()
    const buffer = Buffer.allocUnsafe(Math.min(COPY, this.#position))
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

  /** Closes the new file; some file systems tell only then that writing failed. */
  closeNew(): void {
    const out = this.#out
    this.#out = -1
    fs.closeSync(out)
  }

  /** The new file has got its name, so {@link close} leaves it. */
  named(): void {
    this.#made = false
  }

  /** Closes all, and removes the new file unless it has got its name. May be called again. */
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
      // Not readable: then it cannot be known to be equal, and a new file takes its place.
    }
  }

  #create(): void {
    this.#out = createNew(this.#temp, this.#mode)
    this.#made = true
  }

  #same(bytes: Uint8Array): boolean {
    const end = this.#position + bytes.length
    if (end > Number(this.#stats!.size)) return false
    return hasBytesAt(this.#against, this.#position, bytes, Buffer.allocUnsafe(Math.min(COPY, bytes.length)))
  }

  #put(bytes: Uint8Array, position: number): void {
    if (!this.#sparse) return this.#putAll(bytes, 0, bytes.length, position)
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
