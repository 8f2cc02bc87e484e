/** The arguments of `snapshots`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { common, filters } from "./flags.ts"

export const snapshotsCommand = (exit: OnExit): AnyCommand =>
  command(
    "snapshots",
    { ...common, ...filters },
    (input) => import("../snapshots.ts").then((m) => m.snapshots(input)),
    exit,
  ).pipe(
    Command.withDescription("List the snapshots of a repository, oldest first"),
    Command.withExamples([{ description: "All snapshots", command: "penstock snapshots -r /mnt/disk/backups" }]),
  )
