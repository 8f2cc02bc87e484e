/** What a user can choose of the format by name. */
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { ListingKind } from "./listing.ts"
import type { FogsyncOptions } from "./opened.ts"
import { nameProblem } from "./shares.ts"

/** The options `-o fogsync.NAME=VALUE`. */
export const fogsyncChoices: ReadonlyArray<FormatOption> = [
  {
    name: "listing",
    values: ["json", "tree"],
    when: "make",
    meaning:
      "how snapshots list entries: in JSON for each directory, or in one tree, which keeps names that are not UTF-8",
  },
  {
    name: "share",
    values: "NAME",
    when: "open",
    meaning:
      "the name of the share; a repository may hold several shares with names, each with its own key, and one without",
    problem: nameProblem,
  },
]

/** The options of the format from what was chosen. */
export const chosenFogsync = (chosen: ChosenOptions): Pick<FogsyncOptions, "listing" | "share"> => {
  const [listing] = chosen.get("listing") ?? []
  const [share] = chosen.get("share") ?? []
  return {
    ...(listing === undefined ? {} : { listing: listing as ListingKind }),
    ...(share === undefined ? {} : { share }),
  }
}
