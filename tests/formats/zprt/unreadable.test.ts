import { formatUnreadable } from "../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

// The key slot lies at the beginning of the archive, the index at its end.
formatUnreadable(subject, { needed: (_name, _fault, { from, last }) => from === 0 || last === true })
