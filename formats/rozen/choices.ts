/** What a user can choose of the format, by name. */
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { RozenOptions } from "./mod.ts"

/** What can be chosen. */
export const rozenChoices: ReadonlyArray<FormatOption> = [
  {
    name: "version",
    values: ["1", "0"],
    when: "make",
    meaning: "block version: 1 stores many chunks in a pack, " +
      "0 follows the document literally and stores each file as an object",
  },
]

/** The options of the format that a user chose. */
export const chosenRozen = (chosen: ChosenOptions): Pick<RozenOptions, "version"> =>
  chosen.get("version")?.[0] === "0" ? { version: 0 } : {}
