/**
 * A message about the first empty argument. An empty value is a variable that a script did not set, never a wish for
 * the default. The arguments after `--stdin-from-command --` belong to another program.
 */
export const emptyArgument = (args: ReadonlyArray<string>): string | undefined => {
  const end = args.indexOf("--")
  const own = end >= 0 && args.lastIndexOf("--stdin-from-command", end) >= 0 ? args.slice(0, end) : args
  for (const [at, arg] of own.entries()) {
    const option = /^(--?[^=]+)=$/.exec(arg)?.[1]
    if (option !== undefined) return `The value of ${option} is empty: give one, or leave ${option} out`
    if (arg !== "") continue
    const before = own[at - 1]
    return before !== undefined && /^--?[^-=][^=]*$/.test(before) && before !== "--"
      ? `The argument after ${before} is empty: give a value, or leave it out`
      : "An argument is empty: give a value, or leave it out"
  }
  return undefined
}
