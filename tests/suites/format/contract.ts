/** The contract of {@link Format}, for any implementation. A format is not asked for what it does not keep. */
import { describe } from "node:test"
import type { Format } from "../../../formats/format.ts"
import { testChanges } from "./changes.ts"
import { testEntries } from "./entries.ts"
import { testForget } from "./forget.ts"
import { testOpening } from "./opening.ts"
import { testProblems } from "./problems.ts"
import { testProgress } from "./progress.ts"
import { testSnapshots } from "./snapshots.ts"
import type { FormatTraits } from "./traits.ts"
import { makeTrial } from "./trial.ts"
import { testWriters } from "./writers.ts"

/**
 * Tests a format against the port. `make` gives it with small sizes and a cheap key derivation, where it has such
 * options.
 */
export const formatSuite = (name: string, make: () => Format, traits: FormatTraits): void => {
  const trial = makeTrial(make(), traits)
  describe(`format: ${name}`, () => {
    testEntries(trial)
    testSnapshots(trial)
    testChanges(trial)
    testForget(trial)
    testProgress(trial)
    testProblems(trial)
    testOpening(trial)
    testWriters(trial)
  })
}
