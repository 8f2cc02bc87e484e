import { secrets, small } from "./harness.ts"
import type { Subject } from "../../suites/format/subject.ts"

export const subject: Subject = {
  name: "bkp",
  format: small,
  secrets,
  module: import.meta.url,
  snapshots: true,
  directories: true,
}
