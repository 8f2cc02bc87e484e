/** `--option FORMAT.NAME=VALUE`: options of formats. None that is given is ever ignored. */
import * as Effect from "effect/Effect"
import type { ChosenOptions, FormatOption } from "../../formats/format.ts"
import { UsageError } from "../process/usage_error.ts"
import { Formats, type FormatSource } from "./formats.ts"

/** The options that are given. They are all of one format. */
export interface FormatOptions {
  /** The name of the format. */
  readonly format: string
  readonly values: ChosenOptions
}

/**
 * Reads the values of `--option` or `--to-option`; `option` says which. Undefined if there are none. Fails if there is
 * no such option or value.
 */
export const readFormatOptions: (
  option: string,
  given: ReadonlyArray<string>,
) => Effect.Effect<FormatOptions | undefined, UsageError> = Effect.fnUntraced(function* (option, given) {
  const sources = yield* Formats
  const values = new Map<string, Array<string>>()
  let format: string | undefined
  for (const text of given) {
    const [, name, key, value] = /^([^.=]*)\.([^=]*)=([^]*)$/.exec(text) ?? []
    const source = sources.find((source) => source.name === name)
    const choice = source?.options?.find((choice) => choice.name === key)
    if (source === undefined || choice === undefined) return yield* noSuchOption(option, text, sources)
    if (format !== undefined && format !== source.name) {
      return yield* new UsageError({
        message: `${option} is given for ${format} and for ${source.name}, but a repository has one format`,
      })
    }
    format = source.name
    const problem = problemOf(choice, value!)
    if (problem !== undefined) {
      return yield* new UsageError({ message: `${option} ${name}.${key}: "${value}" ${problem}` })
    }
    const before = values.get(choice.name)
    if (before === undefined) values.set(choice.name, [value!])
    else if (choice.repeatable === true) before.push(value!)
    else return yield* new UsageError({ message: `${option} ${name}.${key} is given more than once` })
  }
  return format === undefined ? undefined : { format, values }
})

const problemOf = ({ problem, values }: FormatOption, value: string): string | undefined =>
  value === ""
    ? "is empty"
    : typeof values === "string"
    ? problem?.(value)
    : values.includes(value)
    ? undefined
    : `is not one of its values: ${values.join(", ")}`

const noSuchOption = (option: string, text: string, sources: ReadonlyArray<FormatSource>): UsageError => {
  const all = sources.flatMap((source) => (source.options ?? []).map((choice) => formatOptionUsage(source, choice)))
  return new UsageError({
    message: all.length === 0
      ? `${option} "${text}": no format here has options`
      : `${option} "${text}" is not an option of a format; there are: ${all.join("; ")}`,
  })
}

/** `zprt.layout=document|program`. */
export const formatOptionUsage = ({ name }: Pick<FormatSource, "name">, choice: FormatOption): string =>
  `${name}.${choice.name}=${typeof choice.values === "string" ? choice.values : choice.values.join("|")}`

/** For help: all options of formats, two lines each. */
export const describeFormatOptions = (sources: ReadonlyArray<FormatSource>): string =>
  sources.flatMap((source) =>
    (source.options ?? []).map((choice) =>
      `    ${formatOptionUsage(source, choice)}\n      ${describeFormatOption(choice)}`
    )
  ).join("\n")

/** What an option means, its default, and which commands take it. */
export const describeFormatOption = ({ meaning, repeatable, values, when }: FormatOption): string => {
  const notes = [
    ...(typeof values === "string" ? [] : [`default: ${values[0]}`]),
    WHEN[when],
    ...(repeatable === true ? ["repeatable"] : []),
  ]
  return `${meaning} (${notes.join("; ")})`
}

const WHEN: Readonly<Record<FormatOption["when"], string>> = {
  make: "for a new repository, which keeps it",
  backup: "for each backup",
  open: "for every command",
}

/**
 * Which repository is meant where a format may have several at one location, as `fogsync.share=photos`. Undefined if
 * the options do not say.
 */
export const repositoryPart = (given: FormatOptions | undefined): Effect.Effect<string | undefined> =>
  Effect.map(Formats, (sources) => {
    const source = sources.find(({ name }) => name === given?.format)
    const parts = (source?.options ?? []).filter(({ name, when }) => when === "open" && given!.values.has(name))
    return parts.length === 0
      ? undefined
      : parts.map(({ name }) => `${source!.name}.${name}=${given!.values.get(name)!.join(",")}`).join(" ")
  })

/** What the command is about to do. */
export interface FormatUse {
  readonly source: FormatSource
  readonly location: string
  /** Whether the repository is made now. */
  readonly created: boolean
  /** Whether a snapshot is made. */
  readonly backup: boolean
}

/** Fails if an option would have no effect. */
export const checkFormatOptions = (
  option: string,
  { format, values }: FormatOptions,
  { backup, created, location, source }: FormatUse,
): Effect.Effect<void, UsageError> => {
  const refuse = (message: string) => Effect.fail(new UsageError({ message }))
  if (format !== source.name) {
    return refuse(
      `${option} is given for ${format}, but the repository at ${location} has the format ${source.name}`,
    )
  }
  for (const { name, when } of source.options ?? []) {
    if (!values.has(name)) continue
    const leaveOut = `leave ${option} ${format}.${name} out`
    if (when === "make" && !created) {
      return refuse(
        `${format}.${name} is set when a repository is made, and the one at ${location} keeps what it has: ${leaveOut}`,
      )
    }
    if (when === "backup" && !backup) {
      return refuse(`${format}.${name} is set for each snapshot, and this command makes none: ${leaveOut}`)
    }
  }
  return Effect.void
}
