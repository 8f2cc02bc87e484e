import { Effect } from "effect"
import { localSource } from "../../../adapters/files/source.ts"
import { localTarget } from "../../../adapters/files/target.ts"
import { sourceSuite } from "../../suites/source.ts"
import { targetSuite } from "../../suites/target.ts"
import { plant, temporaryDirectory } from "./plant.ts"

sourceSuite(
  "local files",
  (tree) =>
    Effect.map(temporaryDirectory, (root) => {
      plant(root, tree)
      return { source: localSource.make(), root }
    }),
  localSource.make().fidelity,
)

for (const threadAfter of [Infinity, 0]) {
  const target = localTarget.make({ threadAfter })
  targetSuite(
    `local files, ${threadAfter === 0 ? "two threads" : "one thread"}`,
    Effect.map(temporaryDirectory, (root) => ({ target, root: `${root}/to/here`, source: () => localSource.make() })),
    target.fidelity,
  )
}
