import { Redacted } from "effect"
import { ARCHIVE, makeZprt } from "../../../formats/zprt/mod.ts"
import type { Subject } from "../../suites/format/subject.ts"

export const subject: Subject = {
  name: "zprt",
  format: makeZprt({ seed: 1, scryptLogN: 10 }),
  secrets: { password: Redacted.make("secret") },
  module: import.meta.url,
  file: ARCHIVE,
  unverified: "contents of the old archive are copied as they are stored, without opening them",
  snapshots: "an archive is one snapshot",
  directories: "only empty directories are listed",
}
