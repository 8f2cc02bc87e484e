/**
 * The formats of the command. New repositories get keys that cost little to derive from a password.
 */
import { builtInFormats, type FormatSource, type WriteOptions } from "../../../cli/repository/formats.ts"
import { chosenBkp } from "../../../formats/bkp/choices.ts"
import type { Format } from "../../../formats/format.ts"
import { chosenRozen } from "../../../formats/rozen/choices.ts"
import { chosenZprt } from "../../../formats/zprt/choices.ts"

const SCRYPT = { n: 1024, r: 8, p: 1 }

const loads: Readonly<Record<string, (options?: WriteOptions) => Promise<Format>>> = {
  rozen: ({ chosen = new Map(), ...options } = {}) =>
    import("../../../formats/rozen/mod.ts").then(({ makeRozen }) =>
      makeRozen({ ...options, ...chosenRozen(chosen), scrypt: SCRYPT, by: "me@host" })
    ),
  zprt: async ({ chosen = new Map(), compression = "auto" } = {}) => {
    const [{ makeZprt }, { MODE_LEVELS }] = await Promise.all([
      import("../../../formats/zprt/mod.ts"),
      import("../../../stages/compress/modes.ts"),
    ])
    return makeZprt({ level: MODE_LEVELS[compression], ...chosenZprt(chosen), scryptLogN: 10 })
  },
  bkp: ({ chosen = new Map() } = {}) =>
    import("../../../formats/bkp/mod.ts").then(({ makeBkp }) => makeBkp({ ...chosenBkp(chosen), iterations: 1000 })),
}

export const quickFormats: ReadonlyArray<FormatSource> = builtInFormats.map((source) => {
  const load = loads[source.name]
  return load === undefined ? source : { ...source, load }
})
