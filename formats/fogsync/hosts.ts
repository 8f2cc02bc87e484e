/**
 * Where an entry was last modified: the host of the run that first met it as it is. The host stays until something
 * changes. SPEC.md, "Listings in JSON".
 */
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { bytesToHex } from "@noble/hashes/utils.js"
import { refFromChunks } from "./bptr.ts"
import { isExecutable } from "./listing.ts"
import type { RunIndex } from "./run_index.ts"

/** Everything that a modification would change. Not inode and ctime, which differ from host to host. */
const stateOf = ({ chunks, kind, metadata: { mode, mtime }, size, target }: StoredEntry): string => {
  const content = kind === "file" ? refFromChunks(chunks, size)?.sha256 : undefined
  return [
    kind,
    mtime ?? "",
    content === undefined ? "" : bytesToHex(content),
    kind === "file" && isExecutable(mode) ? "x" : "",
    target ?? "",
  ].join("\0")
}

/** Remembers the host that the parent has for an entry, unless it is that of the run, `own`. */
export const keepHost = (index: RunIndex, entry: StoredEntry, host: string | undefined, own: string): void => {
  if ((host ?? "") !== own) index.addHost(entry.path, stateOf(entry), host ?? "")
}

/** The host of an entry in the listing of a run on `own`; `""` when it is not known. */
export const hostOf = (index: RunIndex, entry: StoredEntry, own: string): string =>
  index.host(entry.path, stateOf(entry)) ?? own
