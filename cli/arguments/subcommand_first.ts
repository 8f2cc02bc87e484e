/** Options before the subcommand. Those that all commands on a repository share may stand there too. */
import type * as Flag from "effect/cli/Flag"
import { common } from "./flags.ts"

/** The part of the parser's data on an option that names it. It lies beneath what makes the value. */
interface Spelling {
  readonly param?: Spelling
  readonly name: string
  readonly aliases: ReadonlyArray<string>
  /** Its value if none is given. Such an option does not take the next argument. */
  readonly optionalValue?: string
}

const spellingOf = (flag: Spelling): Spelling => flag.param === undefined ? flag : spellingOf(flag.param)

/** Whether an option takes a value, by each of its names without dashes. */
const takesValue: ReadonlyMap<string, boolean> = new Map(
  (Object.values(common) as ReadonlyArray<Flag.Flag<unknown>>).flatMap((flag) => {
    const { aliases, name, optionalValue } = spellingOf(flag as unknown as Spelling)
    return [name, ...aliases].map((name) => [name, optionalValue === undefined] as const)
  }),
)

/** Options of the command itself. They stay before the subcommand. */
const GLOBAL: ReadonlySet<string> = new Set(["--help", "-h", "--version"])

/**
 * Moves the options before the subcommand to right behind it. `nested` are commands that have subcommands of their own:
 * the options move behind those. If one of them is unknown, or no subcommand follows, the
 * arguments stay as they are, and the parser says what is wrong.
 */
export const subcommandFirst = (
  args: ReadonlyArray<string>,
  nested: ReadonlySet<string> = new Set(),
): ReadonlyArray<string> => {
  let within = false
  const own: Array<string> = []
  const moved: Array<string> = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!
    if (!arg.startsWith("-") || arg === "-") {
      if (within || !nested.has(arg)) return [...own, arg, ...moved, ...args.slice(at + 1)]
      within = true
      own.push(arg)
      continue
    }
    if (GLOBAL.has(arg)) {
      own.push(arg)
      continue
    }
    const options = arg.startsWith("--") ? [arg] : splitShort(arg)
    for (const option of options) {
      const takes = takesValue.get(/^--?([^=]*)/.exec(option)![1]!)
      if (takes === undefined) return args
      moved.push(option)
      if (takes && !option.includes("=") && at + 1 < args.length) moved.push(args[++at]!)
    }
  }
  return args
}

/** Splits short options that are written as one, the last with its value: `-qv`, `-rREPO`, `-r=REPO`. */
const splitShort = (arg: string): ReadonlyArray<string> => {
  const options: Array<string> = []
  for (let at = 1; at < arg.length; at++) {
    const rest = arg.slice(at + 1)
    if (rest !== "" && (rest.startsWith("=") || takesValue.get(arg[at]!) === true)) {
      return [...options, `-${arg[at]}=${rest.replace(/^=/, "")}`]
    }
    options.push(`-${arg[at]}`)
  }
  return options
}
