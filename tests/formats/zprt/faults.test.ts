import { formatFaults } from "../../suites/format_faults.ts"
import { subject } from "./subject.ts"

formatFaults(subject)
