import { formatFaults } from "../../../suites/format/faults.ts"
import { subject } from "./subject.ts"

formatFaults(subject)
