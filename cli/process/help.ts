/** How help, the version and errors in the arguments are printed. */
import type { CliError } from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import type { HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import { print, printError, printErrorLines } from "../output/streams.ts"

const formatter = CliOutput.defaultFormatter({ globalFlags: "summary" })

/**
 * Prints help that was asked for to stdout. An error in the arguments goes to stderr, as one line that says where help
 * is.
 */
export const presenter: CliOutput.Presenter = {
  present: (event) =>
    Effect.sync(() => {
      if (event._tag === "Version") return print(`${event.name} ${event.version}\n`)
      const path = event.commandPath.join(" ")
      if (event._tag === "InvalidInvocation") {
        for (const error of event.errors) printError(`penstock: ${oneLine(error)} (see ${path} --help)`)
        return
      }
      const help = spaced(formatter.formatHelpDoc(withoutBooleans(event.helpDoc)))
      if (event.reason === "Requested") print(`${help}\n`)
      else printErrorLines(help)
    }),
}

/**
 * Shows options without a value as such: the parser lets them take a boolean, see `flag`, which is no use to people.
 */
const withoutBooleans = (doc: HelpDoc): HelpDoc => ({
  ...doc,
  flags: doc.flags.map((flag) => flag.type === "[=boolean]" ? { ...flag, type: "boolean" } : flag),
})

/** Puts a blank line before the examples of a command with subcommands; the formatter leaves it out. */
// deno-lint-ignore no-control-regex
const spaced = (help: string): string => help.replace(/([^\n])\n((?:\x1b\[1m)?EXAMPLES)/, "$1\n\n$2")

/** The error on one line and without colours. */
const oneLine = (error: CliError): string => {
  // deno-lint-ignore no-control-regex
  const lines = formatter.formatCliError(error).replace(/\x1b\[[0-9;]*m/g, "").split("\n").map((line) => line.trim())
    .filter((line) => line !== "")
  const hint = lines.indexOf("Did you mean this?")
  return hint < 0
    ? lines.join(" ")
    : `${lines.slice(0, hint).join(" ")}; did you mean ${lines.slice(hint + 1).join(" or ")}?`
}

/** `--version` without the library's short form: `-v` is `--verbose`, as in other commands. */
export const versionFlag: GlobalFlag.Action<boolean> = GlobalFlag.Action({
  flag: Flag.Boolean("version").pipe(Flag.withDescription("Show version information"), Flag.withDefault(false)),
  run: GlobalFlag.Version.run,
})
