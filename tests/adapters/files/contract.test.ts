import { Effect } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import { sourceSuite } from "../../suites/source.ts"
import { targetSuite } from "../../suites/target.ts"
import { plant, temporaryDirectory } from "./plant.ts"

// Both ways: as on Linux, and as on systems where directories cannot be held.
for (const hold of [true, false]) {
  const how = hold ? "held" : "by paths"
  sourceSuite(
    `local files, ${how}`,
    (tree) =>
      Effect.map(temporaryDirectory, (root) => {
        plant(root, tree)
        return { source: localSource.make({ hold }), root }
      }),
    localSource.make().fidelity,
  )

  for (const threadAfter of [Infinity, 0]) {
    const target = localTarget.make({ threadAfter, hold })
    targetSuite(
      `local files, ${how}, ${threadAfter === 0 ? "two threads" : "one thread"}`,
      Effect.map(temporaryDirectory, (root) => ({ target, root: `${root}/to/here`, source: () => localSource.make() })),
      target.fidelity,
    )
  }
}
