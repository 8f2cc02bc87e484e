/** The rozen format as the suites of faults need it. */
import type { Subject } from "../../suites/format/subject.ts"
import { secrets, small } from "./harness.ts"

export const subject: Subject = {
  name: "rozen",
  format: small,
  secrets,
  module: import.meta.url,
  snapshots: true,
  directories: true,
}
