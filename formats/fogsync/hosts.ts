/**
 * Which host an entry was last modified on: that of the run that met the change, for as long as nothing changes.
 * SPEC.md, section 6.
 */
import type { StoredEntry } from "../../stages/catalog/tree/row.ts"
import { bytesToHex } from "@noble/hashes/utils.js"
import { refFromChunks } from "./bptr.ts"
import type { RunIndex } from "./run_index.ts"
import { isExecutable } from "./json_listing.ts"

/** What a modification would change of an entry. Inodes and ctimes are another host's own. */
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

/** Remembers the host that the parent has for an entry, unless it is that of the run. */
export const keepHost = (known: RunIndex, entry: StoredEntry, host: string | undefined, own: string): void => {
  if ((host ?? "") !== own) known.addHost(entry.path, stateOf(entry), host ?? "")
}

/** The host that the listing of a run has for an entry; `""` when it is not known. */
export const hostOf = (known: RunIndex, entry: StoredEntry, own: string): string =>
  known.host(entry.path, stateOf(entry)) ?? own
