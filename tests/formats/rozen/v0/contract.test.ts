import { makeRozenV0, type RozenV0Options } from "../../../../formats/rozen/v0/mod.ts"
import { formatSuite } from "../../../suites/format.ts"

const variants: ReadonlyArray<readonly [string, RozenV0Options]> = [
  ["rozen-v0", {}],
  ["rozen-v0, neither encrypted nor compressed", { encryption: "none", compression: "none" }],
]
for (const [name, options] of variants) {
  formatSuite(name, () => makeRozenV0({ ...options, scrypt: { n: 1024, r: 8, p: 1 } }), {
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
}
