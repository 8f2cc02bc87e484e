import { formatUnreadable } from "../../suites/format/unreadable.ts"
import type { Subject } from "../../suites/format/subject.ts"
import { secrets, small } from "./harness.ts"

const subject: Subject = {
  name: "rozen",
  format: small,
  secrets,
  module: import.meta.url,
  snapshots: true,
  directories: true,
}

formatUnreadable(subject, {
  // Without its key nothing can be read; one that is altered is refused, for it may have been put there.
  needed: (name, fault) => name.startsWith("KEYS/") || (name === "ROZEN.json" && fault === "garbage"),
})
