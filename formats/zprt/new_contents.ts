/** The contents of the archive that is being written: which there are, where they lie, and how much was stored. */
import { bytesToHex } from "@noble/hashes/utils.js"
import type { PackStats } from "../../stages/pack/packing.ts"
import type { StoredContent } from "./index.ts"

/** A content that is stored, or will be when its turn comes. */
export interface PendingContent {
  stored: StoredContent | undefined
}

/** Contents by recipients and hash. Equal contents for the same recipients are stored once. */
export class NewContents {
  readonly #byKey = new Map<string, PendingContent>()
  readonly #sizes = new Set<number>()
  readonly #stored: Array<StoredContent> = []
  #stats: PackStats = { objects: 0, bytesStored: 0, chunksNew: 0, bytesAdded: 0 }

  /** The contents in the order in which they lie in the archive. */
  get stored(): ReadonlyArray<StoredContent> {
    return this.#stored
  }

  /** What was newly stored so far. Copied contents do not count. */
  get stats(): PackStats {
    return this.#stats
  }

  /** Whether a content of this many bytes is stored in the archive. */
  hasSize(size: number): boolean {
    return this.#sizes.has(size)
  }

  /** The content with this hash for these recipients. */
  find(recipients: ReadonlyArray<string>, hash: Uint8Array): PendingContent | undefined {
    return this.#byKey.get(contentKey(recipients, hash))
  }

  /** Adds a content that is not stored yet. From now on `find` gives it, so that others with the same hash share it. */
  claim(recipients: ReadonlyArray<string>, hash: Uint8Array): PendingContent {
    const content: PendingContent = { stored: undefined }
    this.#byKey.set(contentKey(recipients, hash), content)
    return content
  }

  /** Sets where a content is that was newly stored. */
  added(content: PendingContent, stored: StoredContent): void {
    this.#place(content, stored)
    const { bytesAdded, bytesStored, chunksNew, objects } = this.#stats
    this.#stats = {
      objects,
      bytesStored: bytesStored + stored.length,
      chunksNew: chunksNew + 1,
      bytesAdded: bytesAdded + stored.size,
    }
  }

  /** Sets where a content is that was copied from the old archive. */
  copied(content: PendingContent, stored: StoredContent): void {
    this.#place(content, stored)
  }

  #place(content: PendingContent, stored: StoredContent): void {
    content.stored = stored
    this.#stored.push(stored)
    this.#sizes.add(stored.size)
  }
}

const contentKey = (recipients: ReadonlyArray<string>, hash: Uint8Array): string =>
  [...recipients].sort().join(" ") + bytesToHex(hash)
