import { makeBkp } from "../../../formats/bkp/mod.ts"
import { formatSuite } from "../../suites/format/contract.ts"
import type { FormatTraits } from "../../suites/format/traits.ts"
import { smallOptions } from "./harness.ts"

const SECOND = 1_000_000_000n

const traits: FormatTraits = {
  incremental: true,
  snapshots: true,
  forget: true,
  concurrent: true,
  details: "only time and host name have a place in the objects",
  directories: true,
  changes: (time) => [{ mtime: time + SECOND }, { ctime: time + SECOND }],
  chain: "every snapshot names the one before it, or that would be lost",
}
formatSuite("bkp", () => makeBkp({ iterations: 10 }), traits)
formatSuite("bkp, small objects", () => makeBkp(smallOptions), traits)
formatSuite("bkp, one key", () => makeBkp({ ...smallOptions, keys: "one" }), traits)
formatSuite("bkp, not encrypted", () => makeBkp(smallOptions), {
  ...traits,
  secrets: {},
  wrongSecrets: "it is not encrypted",
})
