import { formatUnreadable } from "../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

formatUnreadable(subject, {
  // The config holds the key.
  needed: (name) => name === "config",
  // If the head is up to date, the names of links are enough.
  unverified: (name) => name.startsWith("next/"),
})
