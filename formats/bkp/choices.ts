/** The options of the format by name, as the command takes them. */
import { pathProblem } from "../../stages/walk/path.ts"
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { KeyScheme } from "./object_cipher.ts"
import type { BkpOptions } from "./opened.ts"

export const bkpChoices: ReadonlyArray<FormatOption> = [
  {
    name: "keys",
    values: ["per-object", "one"],
    when: "make",
    meaning:
      "keys of an encrypted repository: one for each object, or one for all, as the program of the document has it",
  },
  {
    name: "part",
    values: "PATH",
    when: "backup",
    meaning: "back up only this part of the client's tree; carry over all else from its latest snapshot",
    problem: (value) => {
      const part = partOf(value)
      return part === "" ? "names no part of the tree" : pathProblem(part)
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
