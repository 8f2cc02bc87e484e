/** Collects what is wrong with the objects of a store, and which files lose content because of it. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { isUnreadable } from "./unreadable.ts"

/** How many files are named for one object at most. */
const NAMED_FILES = 10_000

/** An object that is damaged or missing. */
export interface DamagedObject {
  readonly object: string
  readonly message: string
  /** The object may be whole, but this user or this disk cannot read it. */
  readonly unreadable?: true
  readonly files: ReadonlyArray<{ readonly snapshot: string; readonly path: string; readonly message?: string }>
}

/** The damage that was found so far. */
export class Damage {
  readonly #findings = new Map<
    string,
    Omit<DamagedObject, "object" | "files"> & { readonly files: Array<DamagedObject["files"][number]> }
  >()
  /** The object of each damaged chunk, by the ID of the chunk in hex. */
  readonly #chunks = new Map<string, string>()

  /**
   * Adds an object that is damaged or missing, or that cannot be read when `cause` says so. Only the first message
   * about an object is kept.
   */
  add(object: string, message: string, cause?: unknown): void {
    if (this.#findings.has(object)) return
    this.#findings.set(object, { message, ...(isUnreadable(cause) ? { unreadable: true } : {}), files: [] })
  }

  /** Adds an error. It is about `object` when it names no other. */
  addError(error: { readonly message: string; readonly object?: string }, object: string): void {
    this.add(error.object ?? object, error.message, error)
  }

  /** Adds a damaged chunk of an object. */
  addChunk(id: Uint8Array, object: string): void {
    this.#chunks.set(bytesToHex(id), object)
  }

  /** The object that a damaged chunk is in; undefined when the chunk is not damaged. */
  blame(id: Uint8Array): string | undefined {
    return this.#chunks.size === 0 ? undefined : this.#chunks.get(bytesToHex(id))
  }

  /** Adds a file of a snapshot that has lost content because of an object. `message`: what is wrong with this file. */
  addFile(object: string, snapshot: string, path: string, message?: string): void {
    const finding = this.#findings.get(object)
    const last = finding?.files.at(-1)
    if (finding === undefined || finding.files.length >= NAMED_FILES) return
    if (last?.path === path && last.snapshot === snapshot) return
    finding.files.push({ snapshot, path, ...(message === undefined || message === finding.message ? {} : { message }) })
  }

  /** Everything that was found, in the order in which it was added. */
  get findings(): ReadonlyArray<DamagedObject> {
    return Array.from(this.#findings, ([object, finding]) => ({ object, ...finding }))
  }
}
