import { makeRozenV0 } from "../../../../formats/rozen/v0/mod.ts"
import type { Subject } from "../../../suites/format/subject.ts"
import { scrypt, secrets } from "./harness.ts"

export const subject: Subject = {
  name: "rozen-v0",
  format: makeRozenV0({ scrypt }),
  secrets,
  module: import.meta.url,
  snapshots: true,
  directories: true,
}
