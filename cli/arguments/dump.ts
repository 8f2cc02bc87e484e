/** The arguments of `dump`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { argument } from "./flag.ts"
import { common, filters, snapshotFlag } from "./flags.ts"

/**
 * The subcommand `dump`. `exit` receives its exit code.
 *
 * @example Make `dump` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { dumpCommand } from "@penstock/penstock/cli"
 *
 * const made = dumpCommand((code) => console.log(code))
 * assert.equal(made.name, "dump")
 * ```
 */
export const dumpCommand = (exit: OnExit): AnyCommand =>
  command(
    "dump",
    {
      path: argument("path", "A file or a directory (default: the whole snapshot)"),
      ...common,
      ...filters,
      snapshot: snapshotFlag,
      archive: Flag.Literals("archive", ["tar"]).pipe(
        Flag.withDescription("Write an archive, even of a single file; directories are always archives"),
        Flag.optional,
        Flag.map(Option.getOrUndefined),
      ),
    },
    (input) => import("../dump.ts").then((m) => m.dump(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Write a file of a snapshot to standard output, or a tar archive of a directory.\n" +
        "  The rows of --json go to standard error.",
    ),
    Command.withShortDescription("Write a file or a tar archive to standard output"),
    Command.withExamples([
      { description: "A file", command: "penstock dump letters/2026/april.txt | less" },
      { description: "The whole snapshot, as a compressed archive", command: "penstock dump | zstd > letters.tar.zst" },
    ]),
  )
