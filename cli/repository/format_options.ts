/** `--option FORMAT.NAME=VALUE`: what is chosen of a format. Nothing that is given is ever ignored. */
import * as Effect from "effect/Effect"
import type { ChosenOptions, FormatOption } from "../../formats/format.ts"
import { UsageError } from "../process/usage_error.ts"
import { Formats, type FormatSource } from "./formats.ts"

/** What is chosen, of one format. */
export interface Chosen {
  /** Of which format. */
  readonly format: string
  readonly values: ChosenOptions
}

/**
 * What `option` (`--option` or `--to-option`) was given; undefined when it was not. Fails when there is no such option
 * or value.
 */
export const readChosen: (
  option: string,
  given: ReadonlyArray<string>,
) => Effect.Effect<Chosen | undefined, UsageError> = Effect.fnUntraced(function* (option, given) {
  const sources = yield* Formats
  const values = new Map<string, Array<string>>()
  let format: string | undefined
  for (const text of given) {
    const [, name, key, value] = /^([^.=]*)\.([^=]*)=([^]*)$/.exec(text) ?? []
    const source = sources.find((source) => source.name === name)
    const choice = source?.options?.find((choice) => choice.name === key)
    if (source === undefined || choice === undefined) return yield* unknown(option, text, sources)
    if (format !== undefined && format !== source.name) {
      return yield* new UsageError({
        message: `${option} is given for ${format} and for ${source.name}, and a repository is of one format`,
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

const unknown = (option: string, text: string, sources: ReadonlyArray<FormatSource>): UsageError => {
  const all = sources.flatMap((source) => (source.options ?? []).map((choice) => usageOf(source, choice)))
  return new UsageError({
    message: all.length === 0
      ? `${option} "${text}": no format here has options`
      : `${option} "${text}" is not an option of a format; there are: ${all.join("; ")}`,
  })
}

/** `zprt.layout=document|program`. */
export const usageOf = ({ name }: Pick<FormatSource, "name">, choice: FormatOption): string =>
  `${name}.${choice.name}=${typeof choice.values === "string" ? choice.values : choice.values.join("|")}`

/** For help: all options of formats, one a line. */
export const describeChoices = (sources: ReadonlyArray<FormatSource>): string =>
  sources.flatMap((source) =>
    (source.options ?? []).map((choice) => `    ${usageOf(source, choice)}\n      ${describeChoice(choice)}`)
  ).join("\n")

/** What an option is, its default, and when it counts. */
export const describeChoice = ({ meaning, repeatable, values, when }: FormatOption): string => {
  const notes = [
    ...(typeof values === "string" ? [] : [`default: ${values[0]}`]),
    WHEN[when],
    ...(repeatable === true ? ["repeatable"] : []),
  ]
  return `${meaning} (${notes.join("; ")})`
}

const WHEN: Readonly<Record<FormatOption["when"], string>> = {
  make: "for a repository that is made, which keeps it",
  backup: "for each backup",
  open: "for every command",
}

/** Which of the repositories at a place is meant, where a format may have several there: `fogsync.share=photos`. */
export const chosenPart = (chosen: Chosen | undefined): Effect.Effect<string | undefined> =>
  Effect.map(Formats, (sources) => {
    const source = sources.find(({ name }) => name === chosen?.format)
    const parts = (source?.options ?? []).filter(({ name, when }) => when === "open" && chosen!.values.has(name))
    return parts.length === 0
      ? undefined
      : parts.map(({ name }) => `${source!.name}.${name}=${chosen!.values.get(name)!.join(",")}`).join(" ")
  })

/** What the command is about to do. */
export interface Use {
  readonly source: FormatSource
  readonly location: string
  /** The repository is made now. */
  readonly created: boolean
  /** A snapshot is made. */
  readonly backup: boolean
}

/** Fails when something is chosen that would have no effect. */
export const checkChosen = (
  option: string,
  { format, values }: Chosen,
  { backup, created, location, source }: Use,
): Effect.Effect<void, UsageError> => {
  if (format !== source.name) {
    return Effect.fail(
      new UsageError({
        message: `${option} is given for ${format}, and the repository at ${location} is of the format ${source.name}`,
      }),
    )
  }
  for (const { name, when } of source.options ?? []) {
    if (!values.has(name)) continue
    if (when === "make" && !created) {
      return Effect.fail(
        new UsageError({
          message:
            `${format}.${name} is chosen when a repository is made, and the one at ${location} keeps what it has; ` +
            `leave ${option} ${format}.${name} out`,
        }),
      )
    }
    if (when === "backup" && !backup) {
      return Effect.fail(
        new UsageError({
          message:
            `${format}.${name} is chosen for each snapshot, and none is made here; leave ${option} ${format}.${name} out`,
        }),
      )
    }
  }
  return Effect.void
}
