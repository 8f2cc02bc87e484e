/** The arguments of `version`. */
import * as Command from "effect/cli/Command"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { verbose } from "./flag.ts"
import { json } from "./flags.ts"

/**
 * The subcommand `version`. `exit` receives its exit code.
 *
 * @example Make `version` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { versionCommand } from "@penstock/penstock/cli"
 *
 * const made = versionCommand((code) => console.log(code))
 * assert.equal(made.name, "version")
 * ```
 */
export const versionCommand = (exit: OnExit): AnyCommand =>
  command(
    "version",
    { json, verbose: verbose("Also the runtime and the native code in use") },
    (input) => import("../version.ts").then((m) => m.version(input)),
    exit,
  ).pipe(Command.withDescription("Print the version"))
