/** What an entry becomes when its content is stored. */
import type { SourceError } from "../walk/errors.ts"
import { emptyList } from "../hash/chunk_list.ts"
import type { Entry } from "../walk/entry.ts"
import type { Plan } from "./plan.ts"

/** An entry whose content is stored. */
export interface Stored extends Entry {
  /** The chunk list of the content: IDs and lengths, see `hash/chunk_list.ts`. Empty for anything but files. */
  readonly chunks: Uint8Array
  /** The ID of the content as a whole, 32 bytes, when it was read and the plan has a `digest`. */
  readonly digest?: Uint8Array
  /** Whether the chunks were known, so that the content was not read. */
  readonly reused: boolean
  /** Set when what was stored is not one state of the file: why. */
  readonly warning?: string
}

/** The entry that is stored for one that cannot be read. */
export const unreadable = (entry: Entry, error: Pick<SourceError, "message">): Stored => ({
  path: entry.path,
  kind: "unreadable",
  metadata: entry.metadata,
  size: 0,
  chunks: emptyList,
  reused: false,
  problem: error.message,
})

/** The entry without its content and plan, so that nothing keeps these alive. */
export const withoutContent = (entry: Entry & { readonly plan?: Plan; readonly known?: Uint8Array }): Entry => {
  const { kind, metadata, path, size } = entry
  // Most entries are like this, and the general way is slow.
  if (kind === "file" && entry.linkTo === undefined && entry.sparse === undefined) return { path, kind, metadata, size }
  const { content: _content, plan: _plan, known: _known, ...rest } = entry
  return rest
}
