import { makeSnapshotCatalog } from "../../../formats/snapshot_catalog/mod.ts"
import type { Subject } from "../../suites/format/subject.ts"
import { small } from "./harness.ts"

export const subject: Subject = {
  name: "snapshot-catalog",
  format: makeSnapshotCatalog(small),
  secrets: {},
  module: import.meta.url,
  snapshots: true,
  directories: true,
}
