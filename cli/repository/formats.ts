/** The formats that the command knows, each loaded only when it is used. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { bkpChoices, chosenBkp } from "../../formats/bkp/choices.ts"
import type { ChosenOptions, Format, FormatOption } from "../../formats/format.ts"
import type { FormatError } from "../../formats/error.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { chosenFogsync, fogsyncChoices } from "../../formats/fogsync/choices.ts"
import { chosenRozen, rozenChoices } from "../../formats/rozen/choices.ts"
import { chosenSnapshotCatalog, snapshotCatalogChoices } from "../../formats/snapshot_catalog/choices.ts"
import { chosenZprt, zprtChoices } from "../../formats/zprt/choices.ts"
import type { Recovered } from "../../formats/zprt/mod.ts"
import type { CompressionMode } from "../../stages/compress/mode.ts"
import type { ObjectStore } from "../../stages/store/store.ts"

/** How a repository is opened: a password, age recipients and identities, or a file with a raw key. */
export type SecretKind = "password" | "age" | "key-file"

/** How a format is to write. */
export interface WriteOptions {
  /** One of those that the format has. */
  readonly compression?: CompressionMode
  /** What is chosen of its `options`. */
  readonly chosen?: ChosenOptions
}

const NOTHING: ChosenOptions = new Map()

/** How the command gets at a format. */
export interface FormatSource {
  /** As on the command line. */
  readonly name: string
  /** Loads it; absent as long as it is not built. */
  readonly load?: (options?: WriteOptions) => Promise<Format>
  /** What can be chosen with `--option`. */
  readonly options?: ReadonlyArray<FormatOption>
  /** The modes of compression that it can write with; none when there is nothing to choose. */
  readonly compression?: ReadonlyArray<CompressionMode>
  /** What opens a repository of this format: any one of these, nothing when it is empty. */
  readonly secrets: ReadonlyArray<SecretKind>
  /** Whether a repository can be made that needs no secret. */
  readonly open?: boolean
  /** True where repositories have no ID of their own: theirs comes from where they lie. */
  readonly noId?: boolean
  /** Whether a new repository can get the key of another. */
  readonly sharesKey?: boolean
  /** A repository of this format is one file, with one snapshot; in it, this is the name of the only object. */
  readonly file?: string
  /** Loads what looks through a damaged repository, where the format has that. */
  readonly recover?: () => Promise<(secrets: Secrets) => Effect.Effect<Recovered, FormatError, ObjectStore>>
}

/** All formats, in the order in which an existing repository is tried. The first is the default. */
export const builtIn: ReadonlyArray<FormatSource> = [
  {
    name: "rozen",
    secrets: ["password"],
    sharesKey: true,
    compression: ["auto", "fast", "better", "max", "off"],
    options: rozenChoices,
    load: ({ chosen = NOTHING, ...options } = {}) =>
      import("../../formats/rozen/mod.ts").then(({ makeRozen }) => makeRozen({ ...options, ...chosenRozen(chosen) })),
  },
  {
    name: "zprt",
    secrets: ["age", "password"],
    file: "archive.zprt",
    noId: true,
    compression: ["auto", "fast", "better", "max"],
    options: zprtChoices,
    load: async ({ chosen = NOTHING, compression = "auto" } = {}) => {
      const [{ makeZprt }, { MODE_LEVELS }] = await Promise.all([
        import("../../formats/zprt/mod.ts"),
        import("../../stages/compress/mode.ts"),
      ])
      return makeZprt({ level: MODE_LEVELS[compression], ...chosenZprt(chosen) })
    },
    recover: () => import("../../formats/zprt/mod.ts").then(({ recover }) => recover),
  },
  {
    name: "bkp",
    secrets: ["password"],
    open: true,
    options: bkpChoices,
    load: ({ chosen = NOTHING } = {}) =>
      import("../../formats/bkp/mod.ts").then(({ makeBkp }) => makeBkp(chosenBkp(chosen))),
  },
  {
    name: "snapshot-catalog",
    secrets: [],
    noId: true,
    options: snapshotCatalogChoices,
    load: async ({ chosen = NOTHING } = {}) => {
      const [{ makeSnapshotCatalog }, { thisMachine }] = await Promise.all([
        import("../../formats/snapshot_catalog/mod.ts"),
        import("./this_machine.ts"),
      ])
      return makeSnapshotCatalog({ ...chosenSnapshotCatalog(chosen), thisMachine: thisMachine() })
    },
  },
  {
    name: "fogsync",
    secrets: ["key-file"],
    compression: ["auto", "fast", "max", "off"],
    options: fogsyncChoices,
    load: ({ chosen = NOTHING, compression = "auto" } = {}) =>
      import("../../formats/fogsync/mod.ts").then(({ makeFogsync }) =>
        makeFogsync({
          ...chosenFogsync(chosen),
          compress: compression !== "off",
          level: compression === "fast" ? 1 : compression === "max" ? 9 : 6,
        })
      ),
  },
]

/** The formats in use. */
export const Formats: Context.Reference<ReadonlyArray<FormatSource>> = Context.Reference("penstock/cli/Formats", {
  defaultValue: () => builtIn,
})
