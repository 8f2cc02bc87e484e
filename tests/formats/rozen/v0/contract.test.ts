import { makeRozenV0, type RozenV0Options } from "../../../../formats/rozen/v0/mod.ts"
import { formatSuite } from "../../../suites/format/contract.ts"

const variants: ReadonlyArray<readonly [string, RozenV0Options]> = [
  ["rozen-v0", {}],
  ["rozen-v0, neither encrypted nor compressed", { encryption: "none", compression: "none" }],
]
for (const [name, options] of variants) {
  formatSuite(name, () => makeRozenV0({ ...options, scrypt: { n: 1024, r: 8, p: 1 } }), {
    incremental: true,
    snapshots: true,
    concurrent: true,
    details: true,
    directories: true,
  })
}
