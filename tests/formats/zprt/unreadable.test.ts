import { formatUnreadable } from "../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

// The key begins the archive, and the list of what is in it ends it.
formatUnreadable(subject, { needed: (_name, _fault, { from, last }) => from === 0 || last === true })
