/** The arguments of `forget`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { PolicyInput } from "../selection/policy.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { flag, text, texts } from "./flag.ts"
import { common, dryRun, filters, type Flags } from "./flags.ts"

const count = (name: string, alias: string, what: string): Flag.Flag<string | undefined> =>
  text(name, "N", `Keep the last N ${what}; or unlimited`).pipe(Flag.withAlias(alias))

const within = (name: string, what: string): Flag.Flag<string | undefined> =>
  text(name, "DURATION", `Keep ${what} that are less than DURATION, such as 1y5m7d2h, older than the latest`)

const policy: Flags<PolicyInput> = {
  keepLast: count("keep-last", "l", "snapshots"),
  keepHourly: count("keep-hourly", "H", "hourly snapshots"),
  keepDaily: count("keep-daily", "d", "daily snapshots"),
  keepWeekly: count("keep-weekly", "w", "weekly snapshots"),
  keepMonthly: count("keep-monthly", "m", "monthly snapshots"),
  keepYearly: count("keep-yearly", "y", "yearly snapshots"),
  keepWithin: within("keep-within", "all snapshots"),
  keepWithinHourly: within("keep-within-hourly", "hourly snapshots"),
  keepWithinDaily: within("keep-within-daily", "daily snapshots"),
  keepWithinWeekly: within("keep-within-weekly", "weekly snapshots"),
  keepWithinMonthly: within("keep-within-monthly", "monthly snapshots"),
  keepWithinYearly: within("keep-within-yearly", "yearly snapshots"),
  keepTag: texts("keep-tag", "TAG[,TAG]...", "Keep snapshots with all of these tags; repeatable"),
}

/**
 * The subcommand `forget`. `exit` receives its exit code.
 *
 * @example Make `forget` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { forgetCommand } from "@penstock/penstock/cli"
 *
 * const made = forgetCommand((code) => console.log(code))
 * assert.equal(made.name, "forget")
 * ```
 */
export const forgetCommand = (exit: OnExit): AnyCommand =>
  command(
    "forget",
    {
      ids: Argument.String("id").pipe(
        Argument.withMetavar("ID"),
        Argument.withDescription("Forget these snapshots: starts of their IDs, or latest"),
        Argument.variadic(),
      ),
      ...common,
      ...policy,
      ...filters,
      // As in restic, -H is --keep-hourly here.
      onlyHost: texts("host", "NAME", "Only snapshots of this host; repeatable: of any of these hosts"),
      groupBy: text("group-by", "FACTS", "Apply the policy to each group of the same host, paths, tags; or none").pipe(
        Flag.withAlias("g"),
        Flag.map((value) => value ?? "host,paths"),
      ),
      unsafeAllowRemoveAll: flag(
        "unsafe-allow-remove-all",
        "Without a policy: forget all snapshots that --host, --path and --tag choose",
      ),
      dryRun: dryRun("Only show what would be kept and forgotten, and why"),
    },
    (input) => import("../forget.ts").then((m) => m.forget(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Forget snapshots: those that are named, or all that a policy does not keep.\n" +
        "  Snapshots are divided into groups of the same host and paths, and the policy is applied to each. Of a\n" +
        "  day, week and so on, the last snapshot is kept. A snapshot is kept if any of the options keeps it.",
    ),
    Command.withShortDescription("Forget snapshots, by ID or by a policy"),
    Command.withExamples([
      {
        description: "See what a policy would keep, and why",
        command: "penstock forget -n --keep-daily 7 --keep-weekly 5 --keep-monthly 12",
      },
      { description: "One snapshot", command: "penstock forget 1a2b3c4d" },
    ]),
  )
