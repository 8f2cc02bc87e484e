import { formatUnreadable } from "../../suites/format/unreadable.ts"
import { subject } from "./subject.ts"

formatUnreadable(subject)
