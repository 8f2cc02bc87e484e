/** Makes options and arguments. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

/** An option with a value. */
export const text = (name: string, metavar: string, description: string): Flag.Flag<string | undefined> =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
  )

/** An option with a value, which may be given several times. */
export const texts = (name: string, metavar: string, description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

/** An option without a value. */
export const flag = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(description),
    Flag.withoutNegation,
    // Otherwise an argument that looks like a boolean, such as a path named "no", would be taken as its value.
    Flag.withOptionalValue("true"),
    Flag.withDefault(false),
  )

/** `--verbose`, which may be given several times: `-v`, `-vv`. */
export const verbose = (description: string): Flag.Flag<boolean> =>
  Flag.Boolean("verbose").pipe(
    Flag.withAlias("v"),
    Flag.withDescription(description),
    Flag.withoutNegation,
    Flag.withOptionalValue("true"),
    Flag.atLeast(0),
    Flag.map((given) => given.includes(true)),
  )

/** An optional argument. */
export const argument = (name: string, description: string): Argument.Argument<string | undefined> =>
  Argument.String(name).pipe(
    Argument.withMetavar(name.toUpperCase()),
    Argument.withDescription(description),
    Argument.optional,
    Argument.map(Option.getOrUndefined),
  )
