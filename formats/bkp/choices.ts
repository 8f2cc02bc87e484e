/** What can be chosen of the format by name. */
import { pathProblem } from "../../stages/walk/path.ts"
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { BkpOptions } from "./mod.ts"
import type { KeyScheme } from "./object_cipher.ts"

export const bkpChoices: ReadonlyArray<FormatOption> = [
  {
    name: "keys",
    values: ["per-object", "one"],
    when: "make",
    meaning:
      "keys of an encrypted repository: one for each object, or one for all as the program of the document has it",
  },
  {
    name: "part",
    values: "PATH",
    when: "backup",
    meaning: "what is backed up is this part of the client's tree; all else is carried over from its latest snapshot",
    problem: (value) => {
      const part = partOf(value)
      return part === "" ? "names no part" : pathProblem(part)
    },
  },
]

export const chosenBkp = (chosen: ChosenOptions): Pick<BkpOptions, "keys" | "part"> => {
  const keys = chosen.get("keys")?.[0] as KeyScheme | undefined
  const part = chosen.get("part")?.[0]
  return {
    ...(keys === undefined ? {} : { keys }),
    ...(part === undefined ? {} : { part: partOf(part) }),
  }
}

const partOf = (value: string): string => value.replace(/^\/+|\/+$/g, "")
