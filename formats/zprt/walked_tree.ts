/** The tree that a backup has walked so far, and the index that it becomes. */
import { type Meter } from "../../stages/run/progress.ts"
import { parentPath } from "../../stages/walk/path.ts"
import type { Problem } from "../repository.ts"
import type { ContentWriter, PendingFile, StoredFile } from "./content_write.ts"
import { type Index, inOrder } from "./index.ts"

/** Collects entries, counts them, and holds the files whose contents wait to be stored. */
export class WalkedTree {
  readonly #meter: Meter
  readonly #paths = new Set<string>()
  readonly #directories: Array<string> = []
  readonly #files: Array<StoredFile & { readonly content: NonNullable<StoredFile["content"]> }> = []
  readonly #counts = { files: 0, directories: 0, bytes: 0 }
  readonly problems: Array<Problem> = []
  #pending: Array<PendingFile> = []
  #pendingBytes = 0

  constructor(meter: Meter) {
    this.#meter = meter
  }

  get counts(): { readonly files: number; readonly directories: number; readonly bytes: number } {
    return this.#counts
  }

  /** Bytes of the contents in memory that wait. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Marks a path as taken. False when it was taken before. */
  claim(path: string): boolean {
    if (this.#paths.has(path)) return false
    this.#paths.add(path)
    return true
  }

  addDirectory(path: string): void {
    this.#counts.directories++
    if (path !== "") this.#directories.push(path)
    this.#meter.recorded({ ...this.#counts, path })
  }

  /** Adds a file whose content waits. */
  addPending(file: PendingFile): void {
    this.#pending.push(file)
    if (file.content instanceof Uint8Array) this.#pendingBytes += file.content.length
  }

  /** Takes out all files whose contents wait. */
  takePending(): Array<PendingFile> {
    const pending = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    return pending
  }

  /** Adds a file whose content is stored, or a problem when it could not be read. */
  addStored(file: StoredFile): void {
    const { content, path, problem, size } = file
    if (problem !== undefined) this.problems.push({ path, message: problem })
    if (content === undefined) return
    this.#files.push({ ...file, content })
    this.#counts.files++
    this.#counts.bytes += size
    this.#meter.recorded({ ...this.#counts, path })
  }

  /** The index. It lists a directory only when nothing in it is stored. */
  toIndex({ contents }: ContentWriter): Index {
    const files = this.#files.map(({ content, path }) => ({ path, content: content.stored! }))
    const occupied = new Set<string>()
    const occupy = (path: string): void => {
      for (let at = parentPath(path); at !== "" && !occupied.has(at); at = parentPath(at)) occupied.add(at)
    }
    for (const { path } of files) occupy(path)
    // A walk gives a directory before what is in it, so from the end the deepest come first.
    const directories = this.#directories.toReversed().filter((path) => {
      if (occupied.has(path)) return false
      occupy(path)
      return true
    })
    return inOrder({ contents, files, directories })
  }

  /** The problems, sorted by path: contents are stored in random order, so the order of the walk is lost. */
  sortedProblems(): ReadonlyArray<Problem> {
    return this.problems.toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
  }
}
