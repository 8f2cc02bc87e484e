import { formatUnreadable } from "../../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

formatUnreadable(subject, {
  needed: (name, fault) => name.startsWith("KEYS/") || (name === "ROZEN.json" && fault === "garbage"),
})
