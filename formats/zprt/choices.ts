/** What a user can choose of the format by name. */
import { makeExcludes } from "../../stages/walk/ignore.ts"
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { IndexLayout } from "./index.ts"
import type { ZprtOptions } from "./opened.ts"

/** The options `-o zprt.NAME=VALUE`. */
export const zprtChoices: ReadonlyArray<FormatOption> = [
  {
    name: "layout",
    values: ["document", "program"],
    when: "make",
    meaning: "order of the lists in the index: the document's, or the one that later programs read",
  },
  {
    name: "recipients",
    values: "PATTERN=age1...,age1...",
    when: "backup",
    repeatable: true,
    meaning:
      "encrypt files that match the pattern (gitignore syntax) for these recipients alone; the last match counts",
    problem: (value) => {
      const rule = parseRule(value)
      if (rule === undefined) return "is not a pattern, =, and age recipients with commas between"
      return makeExcludes([rule.pattern]) !== undefined && !/^[#!]/.test(rule.pattern)
        ? undefined
        : "has a pattern that matches nothing"
    },
  },
]

/** The options of the format from what was chosen. */
export const chosenZprt = (chosen: ChosenOptions): Pick<ZprtOptions, "layout" | "recipientsFor"> => {
  const layout = chosen.get("layout")?.[0] as IndexLayout | undefined
  const rules = chosen.get("recipients")
  return {
    ...(layout === undefined ? {} : { layout }),
    ...(rules === undefined ? {} : { recipientsFor: recipientsFrom(rules) }),
  }
}

const parseRule = (
  value: string,
): { readonly pattern: string; readonly recipients: ReadonlyArray<string> } | undefined => {
  const at = value.lastIndexOf("=")
  const recipients = value.slice(at + 1).split(",")
  return at > 0 && recipients.every((one) => /^age1[0-9a-z]+$/.test(one))
    ? { pattern: value.slice(0, at), recipients }
    : undefined
}

const recipientsFrom = (values: ReadonlyArray<string>): NonNullable<ZprtOptions["recipientsFor"]> => {
  const rules = values.flatMap((value) => parseRule(value) ?? []).map(({ pattern, recipients }) => ({
    matches: makeExcludes([pattern])!,
    recipients,
  })).reverse()
  return (path) => rules.find(({ matches }) => matches(path, false))?.recipients
}
