import { formatSuite } from "../../suites/format.ts"
import { small } from "./harness.ts"

formatSuite("rozen", () => small, {
  fidelity: {
    kinds: ["file", "directory", "symlink", "fifo", "socket", "character", "block"],
    mode: true,
    owner: true,
    mtime: 1,
    hardlinks: true,
    sparse: true,
    byteNames: true,
  },
  incremental: true,
  snapshots: true,
  concurrent: true,
  details: true,
  directories: true,
})
