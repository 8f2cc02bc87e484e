import { formatUnreadable } from "../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

formatUnreadable(subject, {
  // Without its key nothing can be read; one that is altered is refused, for it may have been put there.
  needed: (name, fault) => name.startsWith("KEYS/") || (name === "ROZEN.json" && fault === "garbage"),
})
