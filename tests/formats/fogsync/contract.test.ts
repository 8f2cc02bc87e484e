import { Redacted } from "effect"
import { type FogsyncOptions, makeFogsync } from "../../../formats/fogsync/mod.ts"
import { formatSuite } from "../../suites/format/contract.ts"
import { noise } from "../../suites/noise.ts"
import { secrets } from "./harness.ts"

const variants: ReadonlyArray<readonly [string, FogsyncOptions]> = [
  ["fogsync", {}],
  ["fogsync, listed in a tree, not compressed", { listing: "tree", compress: false }],
]
for (const [name, options] of variants) {
  formatSuite(name, () => makeFogsync(options), {
    secrets,
    wrongSecrets: { key: Redacted.make(noise(32, 98)) },
    incremental: true,
    snapshots: true,
    forget: true,
    concurrent: true,
    details: true,
    directories: true,
  })
}
