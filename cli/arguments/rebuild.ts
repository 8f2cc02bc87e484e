/** The arguments of `rebuild`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { common } from "./flags.ts"

/**
 * The subcommand `rebuild`. `exit` receives its exit code.
 *
 * @example Make `rebuild` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { rebuildCommand } from "@penstock/penstock/cli"
 *
 * const made = rebuildCommand((code) => console.log(code))
 * assert.equal(made.name, "rebuild")
 * ```
 */
export const rebuildCommand = (exit: OnExit): AnyCommand =>
  command("rebuild", common, (input) => import("../rebuild.ts").then((m) => m.rebuild(input)), exit).pipe(
    Command.withDescription("Make lost or damaged indexes and catalogs again, from the data alone"),
    Command.withExamples([{
      description: "After check found errors",
      command: "penstock rebuild -r /mnt/disk/backups",
    }]),
  )
