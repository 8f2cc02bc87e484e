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

targetSuite(
  "local files",
  Effect.map(temporaryDirectory, (root) => ({
    target: localTarget.make(),
    root: `${root}/to/here`,
    source: () => localSource.make(),
  })),
  localTarget.make().fidelity,
)
