/** The formats that the command knows. Each is loaded when it is used. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { bkpChoices, chosenBkp } from "../../formats/bkp/choices.ts"
import type { FormatError } from "../../formats/error.ts"
import { chosenFogsync, fogsyncChoices } from "../../formats/fogsync/choices.ts"
import type { ChosenOptions, Format, FormatOption } from "../../formats/format.ts"
import { chosenRozen, rozenChoices } from "../../formats/rozen/choices.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { chosenSnapshotCatalog, snapshotCatalogChoices } from "../../formats/snapshot_catalog/choices.ts"
import { chosenZprt, zprtChoices } from "../../formats/zprt/choices.ts"
import { ARCHIVE } from "../../formats/zprt/layout.ts"
import type { Recovered } from "../../formats/zprt/mod.ts"
import { COMPRESSION_MODES, type CompressionMode } from "../../stages/compress/modes.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import type { TakesSecrets } from "../secrets/secrets.ts"

/** How a format writes. */
export interface WriteOptions {
  /** One of those that the format has. */
  readonly compression?: CompressionMode
  /** Values of its `options`. */
  readonly chosen?: ChosenOptions
}

const NOTHING: ChosenOptions = new Map()

/** The gzip level of each mode, for fogsync. It has no `better`. */
const GZIP_LEVELS: Readonly<Record<CompressionMode, number>> = { auto: 6, fast: 1, better: 6, max: 9, off: 6 }

/** A format as the command knows it before it is loaded. */
export interface FormatSource extends TakesSecrets {
  /** As on the command line. */
  readonly name: string
  /** Loads it. */
  readonly load: (options?: WriteOptions) => Promise<Format>
  /** What `--option` can set. */
  readonly options?: ReadonlyArray<FormatOption>
  /** The modes of compression that it can write with. Absent if there is no choice. */
  readonly compression?: ReadonlyArray<CompressionMode>
  /** Whether a repository can also be made without encryption. */
  readonly open?: boolean
  /** Whether the ID of a repository comes from its location, because the format stores none. */
  readonly noId?: boolean
  /** What a repository has instead of several keys, as a sentence without a capital. Absent if it has several. */
  readonly insteadOfKeys?: string
  /** Whether a new repository can have the key of another. */
  readonly sharesKey?: boolean
  /** The name of the only object, if a repository of this format is one file with one snapshot. */
  readonly file?: string
  /** Loads what searches a damaged repository for files, if the format can. */
  readonly recover?: () => Promise<(secrets: Secrets) => Effect.Effect<Recovered, FormatError, ObjectStore>>
}

/**
 * All formats, in the order in which they are asked about an existing repository. The first is the default.
 *
 * @example Offer two formats only
 * ```ts
 * import assert from "node:assert"
 * import { builtInFormats } from "@penstock/penstock/cli"
 *
 * const formats = builtInFormats.filter(({ name }) => name === "rozen" || name === "zprt")
 * assert.equal(formats.length, 2)
 * ```
 */
export const builtInFormats: ReadonlyArray<FormatSource> = [
  {
    name: "rozen",
    secrets: ["password", "age", "key-file"],
    sharesKey: true,
    compression: COMPRESSION_MODES,
    options: rozenChoices,
    load: async ({ chosen = NOTHING, ...options } = {}) => {
      const [{ makeRozen }, { thisUser }] = await Promise.all([
        import("../../formats/rozen/mod.ts"),
        import("./this_machine.ts"),
      ])
      return makeRozen({ ...options, ...chosenRozen(chosen), by: thisUser() })
    },
  },
  {
    name: "zprt",
    secrets: ["age", "password"],
    insteadOfKeys: "an archive has a password, or the age recipients of its last backup; the next one may name others",
    file: ARCHIVE,
    noId: true,
    compression: ["auto", "fast", "better", "max"],
    options: zprtChoices,
    load: async ({ chosen = NOTHING, compression = "auto" } = {}) => {
      const [{ makeZprt }, { MODE_LEVELS }] = await Promise.all([
        import("../../formats/zprt/mod.ts"),
        import("../../stages/compress/modes.ts"),
      ])
      return makeZprt({ level: MODE_LEVELS[compression], ...chosenZprt(chosen) })
    },
    recover: () => import("../../formats/zprt/mod.ts").then(({ recover }) => recover),
  },
  {
    name: "bkp",
    secrets: ["password"],
    insteadOfKeys: "it has one password, which is chosen when it is made",
    open: true,
    options: bkpChoices,
    load: ({ chosen = NOTHING } = {}) =>
      import("../../formats/bkp/mod.ts").then(({ makeBkp }) => makeBkp(chosenBkp(chosen))),
  },
  {
    name: "snapshot-catalog",
    secrets: [],
    insteadOfKeys: "it is not encrypted",
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
    insteadOfKeys: "it has one key file, which is chosen when it is made",
    compression: ["auto", "fast", "max", "off"],
    options: fogsyncChoices,
    load: ({ chosen = NOTHING, compression = "auto" } = {}) =>
      import("../../formats/fogsync/mod.ts").then(({ makeFogsync }) =>
        makeFogsync({
          ...chosenFogsync(chosen),
          compress: compression !== "off",
          level: GZIP_LEVELS[compression],
        })
      ),
  },
]

/** The formats in use. */
export const Formats: Context.Reference<ReadonlyArray<FormatSource>> = Context.Reference("penstock/cli/Formats", {
  defaultValue: () => builtInFormats,
})
