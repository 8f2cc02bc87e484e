/** What is wrong with a store, by object, and the files that lose by it. */
import { bytesToHex } from "@noble/hashes/utils.js"

/** Files that are named for one object at most. */
const NAMED_FILES = 10_000

/** An object that is damaged or missing. */
export interface DamagedObject {
  readonly object: string
  readonly message: string
  readonly files: ReadonlyArray<{ readonly snapshot: string; readonly path: string; readonly message?: string }>
}

/** Collects damage. */
export class Damage {
  readonly #findings = new Map<
    string,
    { readonly message: string; readonly files: Array<DamagedObject["files"][number]> }
  >()
  /** Chunks that are there but not as they should be: hex ID to object. */
  readonly #chunks = new Map<string, string>()

  /** An object is damaged or missing. The first message about an object stays. */
  add(object: string, message: string): void {
    if (!this.#findings.has(object)) this.#findings.set(object, { message, files: [] })
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
    if (finding === undefined || finding.files.length >= NAMED_FILES) return
    finding.files.push({ snapshot, path, ...(message === undefined || message === finding.message ? {} : { message }) })
  }

  get findings(): ReadonlyArray<DamagedObject> {
    return [...this.#findings].map(([object, { files, message }]) => ({ object, message, files }))
  }
}
