import { makeSnapshotCatalog, type SnapshotCatalogOptions } from "../../../formats/snapshot_catalog/mod.ts"
import { formatSuite } from "../../suites/format/contract.ts"

const variants: ReadonlyArray<readonly [string, SnapshotCatalogOptions]> = [
  ["snapshot-catalog, extents compressed", {}],
  ["snapshot-catalog, plain extents of small sizes", { average: 4 << 10, compress: false, tree: "program" }],
]
for (const [name, options] of variants) {
  formatSuite(name, () => makeSnapshotCatalog(options), {
    secrets: {},
    wrongSecrets: "nothing is encrypted: it opens without secrets",
    incremental: true,
    snapshots: true,
    forget: true,
    concurrent: true,
    details: true,
    directories: true,
  })
}
