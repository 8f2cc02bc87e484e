/** What an entry becomes when its content is stored. */
import type { SourceError } from "../walk/errors.ts"
import { emptyList } from "../hash/chunk_list.ts"
import type { Entry } from "../walk/entry.ts"
import type { Plan } from "./plan.ts"

/** An entry whose content is stored. */
export interface Stored extends Entry {
  /** The chunks of the content, a chunk list; empty for anything but files. */
  readonly chunks: Uint8Array
  /** The name of the content as a whole, when it was read and the plan has a `digest`. */
  readonly digest?: Uint8Array
  /** True when the content was known and not read. */
  readonly reused: boolean
  /** Content that was stored although it is not one state of the file: why. */
  readonly warning?: string
}

/** What becomes of an entry that cannot be read. */
export const unreadable = (entry: Entry, error: SourceError): Stored => ({
  path: entry.path,
  kind: "unreadable",
  metadata: entry.metadata,
  size: 0,
  chunks: emptyList,
  reused: false,
  problem: error.message,
})

/** The entry without its content and plan, which nothing should keep alive. */
export const bare = (entry: Entry & { readonly plan?: Plan; readonly known?: Uint8Array }): Entry => {
  const { kind, metadata, path, size } = entry
  // Most are like this, and taking them apart is slow.
  if (kind === "file" && entry.linkTo === undefined && entry.sparse === undefined) return { path, kind, metadata, size }
  const { content: _content, plan: _plan, known: _known, ...rest } = entry
  return rest
}
