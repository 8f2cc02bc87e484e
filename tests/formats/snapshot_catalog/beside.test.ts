import { Effect } from "effect"
import { formatBeside } from "../../suites/format/beside.ts"
import { subject } from "./subject.ts"

formatBeside(subject, { harm: () => Effect.void })
