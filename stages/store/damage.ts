/** What is wrong with a store, by object, and the files that lose by it. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { isUnreadable } from "./unreadable.ts"

/** Files that are named for one object at most. */
const NAMED_FILES = 10_000

/** An object that is damaged or missing. */
export interface DamagedObject {
  readonly object: string
  readonly message: string
  /** It may be all there, and cannot be read. */
  readonly unreadable?: true
  readonly files: ReadonlyArray<{ readonly snapshot: string; readonly path: string; readonly message?: string }>
}

/** Collects damage. */
export class Damage {
  readonly #findings = new Map<
    string,
    Omit<DamagedObject, "object" | "files"> & { readonly files: Array<DamagedObject["files"][number]> }
  >()
  /** Chunks that are there but not as they should be: hex ID to object. */
  readonly #chunks = new Map<string, string>()

  /**
   * An object is damaged or missing, or, as the cause says, cannot be read. The first message about an object stays.
   */
  add(object: string, message: string, cause?: unknown): void {
    if (this.#findings.has(object)) return
    this.#findings.set(object, { message, ...(isUnreadable(cause) ? { unreadable: true } : {}), files: [] })
  }

  /** An error about an object, or else about `object`. */
  addError(error: { readonly message: string; readonly object?: string }, object: string): void {
    this.add(error.object ?? object, error.message, error)
  }

  /** A chunk of an object cannot be had. */
  addChunk(id: Uint8Array, object: string): void {
    this.#chunks.set(bytesToHex(id), object)
  }

  /** The object to blame for a chunk, when it is damaged. */
  blame(id: Uint8Array): string | undefined {
    return this.#chunks.size === 0 ? undefined : this.#chunks.get(bytesToHex(id))
  }

  /** A file of a snapshot has lost content because of an object. `message`: what is wrong with this file. */
  addFile(object: string, snapshot: string, path: string, message?: string): void {
    const finding = this.#findings.get(object)
    const last = finding?.files.at(-1)
    if (finding === undefined || finding.files.length >= NAMED_FILES) return
    if (last?.path === path && last.snapshot === snapshot) return
    finding.files.push({ snapshot, path, ...(message === undefined || message === finding.message ? {} : { message }) })
  }

  get findings(): ReadonlyArray<DamagedObject> {
    return Array.from(this.#findings, ([object, finding]) => ({ object, ...finding }))
  }
}
