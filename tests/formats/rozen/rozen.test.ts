import { formatSuite } from "../../suites/format.ts"
import { small } from "./harness.ts"

formatSuite("rozen", () => small, {
  incremental: true,
  snapshots: true,
  concurrent: true,
  details: true,
  directories: true,
})
