/** What can be chosen of the format by name. */
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { RozenOptions } from "./mod.ts"

export const rozenChoices: ReadonlyArray<FormatOption> = [
  {
    name: "version",
    values: ["1", "0"],
    when: "make",
    meaning: "block version: 1 has many chunks in a pack, 0 is the document read literally, a file an object",
  },
]

export const chosenRozen = (chosen: ChosenOptions): Pick<RozenOptions, "version"> =>
  chosen.get("version")?.[0] === "0" ? { version: 0 } : {}
