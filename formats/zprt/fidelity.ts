import type { RecordFidelity } from "../record_fidelity.ts"
import type { Fidelity } from "../../stages/walk/source.ts"

/** What an archive keeps of an entry: paths in UTF-8, and contents. */
export const fidelity: Fidelity = {
  kinds: ["file", "directory"],
  mode: false,
  owner: false,
  mtime: undefined,
  hardlinks: false,
  sparse: false,
  byteNames: false,
}

/** Of a snapshot it keeps its entries alone. */
export const recordFidelity: RecordFidelity = {
  tags: false,
  hostname: false,
  username: false,
  paths: false,
  time: undefined,
}
