/** The formats that the command knows, each loaded only when it is used. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Format, FormatError, Secrets } from "../formats/format.ts"
import type { Recovered } from "../formats/zprt/mod.ts"
import type { ObjectStore } from "../stages/pack/store.ts"

/** How a repository is opened: a password, age recipients and identities, or a file with a raw key. */
export type SecretKind = "password" | "age" | "key-file"

/** How the command gets at a format. */
export interface FormatSource {
  /** As on the command line. */
  readonly name: string
  /** Loads it; absent as long as it is not built. */
  readonly load?: () => Promise<Format>
  /** What opens a repository of this format: any one of these, nothing when it is empty. */
  readonly secrets: ReadonlyArray<SecretKind>
  /** Whether a repository can be made that needs no secret. */
  readonly open?: boolean
  /** A repository of this format is one file, with one snapshot; in it, this is the name of the only object. */
  readonly file?: string
  /** Loads what looks through a damaged repository, where the format has that. */
  readonly recover?: () => Promise<(secrets: Secrets) => Effect.Effect<Recovered, FormatError, ObjectStore>>
}

/** All formats, in the order in which an existing repository is tried. The first is the default. */
export const builtIn: ReadonlyArray<FormatSource> = [
  { name: "rozen", secrets: ["password"], load: () => import("../formats/rozen/mod.ts").then(({ rozen }) => rozen) },
  {
    name: "zprt",
    secrets: ["age", "password"],
    file: "archive.zprt",
    load: () => import("../formats/zprt/mod.ts").then(({ zprt }) => zprt),
    recover: () => import("../formats/zprt/mod.ts").then(({ recover }) => recover),
  },
  {
    name: "bkp",
    secrets: ["password"],
    open: true,
    load: () => import("../formats/bkp/mod.ts").then(({ bkp }) => bkp),
  },
  {
    name: "snapshot-catalog",
    secrets: [],
    load: () => import("../formats/snapshot_catalog/mod.ts").then(({ snapshotCatalog }) => snapshotCatalog),
  },
  {
    name: "fogsync",
    secrets: ["key-file"],
    load: () => import("../formats/fogsync/mod.ts").then(({ fogsync }) => fogsync),
  },
]

/** The formats in use. */
export const Formats: Context.Reference<ReadonlyArray<FormatSource>> = Context.Reference("penstock/cli/Formats", {
  defaultValue: () => builtIn,
})
