/** The formats that the command knows, each loaded only when it is used. */
import * as Context from "effect/Context"
import type { Format } from "../formats/format.ts"

/** How the command gets at a format. */
export interface FormatSource {
  /** As on the command line. */
  readonly name: string
  /** Loads it; absent as long as it is not built. */
  readonly load?: () => Promise<Format>
  /** Whether a repository of this format is opened with a password. */
  readonly password: boolean
}

/** All formats, in the order in which an existing repository is tried. The first is the default. */
export const builtIn: ReadonlyArray<FormatSource> = [
  { name: "rozen", password: true, load: () => import("../formats/rozen/mod.ts").then(({ rozen }) => rozen) },
  { name: "zprt", password: true },
  { name: "bkp", password: true },
  { name: "snapshot-catalog", password: false },
  { name: "fogsync", password: false },
]

/** The formats in use. */
export const Formats: Context.Reference<ReadonlyArray<FormatSource>> = Context.Reference("penstock/cli/Formats", {
  defaultValue: () => builtIn,
})
