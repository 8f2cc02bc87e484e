/** Makes a catalog from a log: applies what its segments say. */
import { concat } from "effect/Bytes"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { contentLength } from "../../stages/hash/chunk_list.ts"
import type { Segment } from "./segment.ts"

/** Applies the changes of a log to a tree, in order: chunk lists that are divided are put together. */
export class Replay {
  readonly #tree: Pick<Tree, "apply">
  /** The file that was put last, and its chunks so far: more may follow. */
  #file: StoredEntry | undefined
  #lists: Array<Uint8Array> = []

  constructor(tree: Pick<Tree, "apply">) {
    this.#tree = tree
  }

  segment({ changes }: Segment): void {
    for (const change of changes) {
      if (change.op === "more") {
        // Without what it belongs to, it was in a segment that is lost.
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

  /** A segment is lost: what the last file has more of may be in it. */
  lost(): void {
    if (this.#file === undefined) return
    const { path, size } = this.#file
    const listed = this.#lists.reduce((sum, list) => sum + contentLength(list), 0)
    // In version 0, lists have lengths modulo 2^32.
    if ((size - listed) % 2 ** 32 === 0) return this.end()
    this.#file = undefined
    this.#tree.apply({ op: "remove", path })
  }

  /** Nothing follows. */
  end(): void {
    if (this.#file === undefined) return
    const entry = this.#lists.length === 1 ? this.#file : { ...this.#file, chunks: concat(this.#lists) }
    this.#file = undefined
    this.#tree.apply({ op: "put", entry })
  }
}
