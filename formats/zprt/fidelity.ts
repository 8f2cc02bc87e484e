/** What an archive keeps of entries and of snapshots. SPEC.md, "What it cannot hold". */
import type { Fidelity } from "../../stages/walk/fidelity.ts"
import type { RecordFidelity } from "../record_fidelity.ts"

/** Of an entry, an archive keeps its path in UTF-8 and its content. */
export const fidelity: Fidelity = {
  kinds: ["file", "directory"],
  mode: false,
  owner: false,
  mtime: undefined,
  hardlinks: false,
  sparse: false,
  byteNames: false,
}

/** Of a snapshot, an archive keeps nothing but the entries. */
export const recordFidelity: RecordFidelity = {
  tags: false,
  hostname: false,
  username: false,
  paths: false,
  time: undefined,
}
