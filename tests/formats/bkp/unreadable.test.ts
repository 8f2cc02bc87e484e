import { formatUnreadable } from "../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

formatUnreadable(subject, {
  // It holds the key.
  needed: (name) => name === "config",
  // Where the head is as new as they are, links are known by their names.
  unverified: (name) => name.startsWith("next/"),
})
