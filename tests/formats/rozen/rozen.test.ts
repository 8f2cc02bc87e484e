import { formatSuite } from "../../suites/format/contract.ts"
import { small } from "./harness.ts"

formatSuite("rozen", () => small, {
  incremental: true,
  snapshots: true,
  forget: true,
  concurrent: true,
  details: true,
  directories: true,
})
