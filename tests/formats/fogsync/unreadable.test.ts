import { formatUnreadable } from "../../suites/format_unreadable.ts"
import { subject } from "./subject.ts"

formatUnreadable(subject)
