/** Makes a catalog from a log. */
import { concat } from "effect/Bytes"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { contentLength } from "../../stages/hash/chunk_list.ts"
import type { Segment } from "./segment.ts"

/** Applies the changes of a log to a tree, in order, and puts divided chunk lists together again. */
export class Replay {
  readonly #tree: Pick<Tree, "apply">
  /** The file that was put last, and the parts of its chunk list so far. More may follow. */
  #file: StoredEntry | undefined
  #lists: Array<Uint8Array> = []

  constructor(tree: Pick<Tree, "apply">) {
    this.#tree = tree
  }

  /** Applies the next segment. */
  segment({ changes }: Segment): void {
    for (const change of changes) {
      if (change.op === "more") {
        // Without a file, its put was in a segment that is lost.
        if (this.#file !== undefined) this.#lists.push(change.chunks)
        continue
      }
      this.end()
      if (change.op === "put" && change.entry.kind === "file") {
        this.#file = change.entry
        this.#lists = [change.entry.chunks]
      } else this.#tree.apply(change)
    }
  }

  /** The next segment is lost. It may hold the rest of the last file, which is then left out. */
  lost(): void {
    if (this.#file === undefined) return
    const { path, size } = this.#file
    const listed = this.#lists.reduce((sum, list) => sum + contentLength(list), 0)
    // In version 0 the lengths in lists are modulo 2^32.
    if ((size - listed) % 2 ** 32 === 0) return this.end()
    this.#file = undefined
    this.#tree.apply({ op: "remove", path })
  }

  /** Ends the log: nothing more follows. */
  end(): void {
    if (this.#file === undefined) return
    const entry = this.#lists.length === 1 ? this.#file : { ...this.#file, chunks: concat(this.#lists) }
    this.#file = undefined
    this.#tree.apply({ op: "put", entry })
  }
}
