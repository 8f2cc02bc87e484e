import { formatKill } from "../../suites/format_kill.ts"
import { subject } from "./subject.ts"

formatKill(subject)
