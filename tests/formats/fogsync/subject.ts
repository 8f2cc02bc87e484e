import { makeFogsync } from "../../../formats/fogsync/mod.ts"
import type { Subject } from "../../suites/format/subject.ts"
import { secrets } from "./harness.ts"

export const subject: Subject = {
  name: "fogsync",
  format: makeFogsync(),
  secrets,
  module: import.meta.url,
  snapshots: true,
  directories: true,
}
