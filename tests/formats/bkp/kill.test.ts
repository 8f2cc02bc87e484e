import { formatKill } from "../../suites/format/kill.ts"
import { subject } from "./subject.ts"

formatKill(subject)
