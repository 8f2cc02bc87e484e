/** What can be chosen of the format by name. */
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { FogsyncOptions } from "./mod.ts"
import type { ListingKind } from "./opened.ts"
import { nameProblem } from "./shares.ts"

export const fogsyncChoices: ReadonlyArray<FormatOption> = [
  {
    name: "listing",
    values: ["json", "tree"],
    when: "make",
    meaning:
      "how snapshots list: a list in JSON for each directory, or one tree of all paths, which also keeps names that are not UTF-8",
  },
  {
    name: "share",
    values: "NAME",
    when: "open",
    meaning:
      "the share of that name; a place may hold several, each with a key of its own, besides the one without a name",
    problem: nameProblem,
  },
]

export const chosenFogsync = (chosen: ChosenOptions): Pick<FogsyncOptions, "listing" | "share"> => {
  const [listing] = chosen.get("listing") ?? []
  const [share] = chosen.get("share") ?? []
  return {
    ...(listing === undefined ? {} : { listing: listing as ListingKind }),
    ...(share === undefined ? {} : { share }),
  }
}
