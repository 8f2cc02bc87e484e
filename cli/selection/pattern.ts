/**
 * Patterns as a user gives them, made into patterns in gitignore syntax relative to where a walk or a snapshot begins.
 * Names are in gitignore syntax; what a `/` means is as in restic: a pattern that begins with one is an absolute path,
 * another one with a `/` in it matches at any depth, and the directories above a PATH count, too.
 */
import ignore from "ignore"
import { homedir } from "node:os"
import { isAbsolute, resolve } from "node:path"
import { cwd, env } from "node:process"
import { unquotePath } from "../../stages/walk/path.ts"

/** A pattern, taken apart. */
export interface Pattern {
  /** As it was given. */
  readonly given: string
  readonly negated: boolean
  /** Names in gitignore syntax; `**` stands for any number of them. */
  readonly parts: ReadonlyArray<string>
  /** Matches directories only. */
  readonly directories: boolean
  /**
   * Where it is looked for: from the root of the file system, at any depth, or, for one that is a name only, beneath a
   * PATH.
   */
  readonly from: "root" | "anywhere" | "beneath"
}

/** A directory that patterns are matched in. */
export interface Place {
  /** The names on its absolute path. */
  readonly names: ReadonlyArray<string>
  /** Where it is in what is walked; `""` when it is the top. */
  readonly under: string
}

/** What a pattern means at a place. */
export interface Placed {
  /** It names the place itself or something above it, so all that is beneath the place matches. */
  readonly all: boolean
  /** In gitignore syntax. */
  readonly rules: ReadonlyArray<string>
}

/** Where an absolute path leads. */
export const patternPlace = (path: string, under: string): Place => ({
  names: path.split(/^([a-z]:)?\\|^[a-z]:\//i.test(path) ? /[\\/]/ : "/").filter((name) => name !== ""),
  under,
})

/**
 * Takes a pattern apart; a sentence when it cannot match anything. One that begins like one of `paths`, as those were
 * typed, begins with that very path, also where its characters could be meant as a pattern.
 */
export const parsePattern = (given: string, paths: ReadonlyArray<string> = []): Pattern | string => {
  const negated = given.startsWith("!")
  const typed = negated ? given.slice(1) : given
  const start = paths.find((path) => /[*?[\\]/.test(path) && `${typed}/`.startsWith(path.replace(/\/*$/, "/")))
  const rest = start === undefined ? typed : typed.slice(start.replace(/\/*$/, "").length)
  const text = spelled(rest)
  if (text === undefined) return `The pattern "${given}" ends with a backslash, which stands for nothing`
  const whole = start !== undefined
    ? `${escaped(resolve(start))}${text}`
    : /^~(\/|$)/.test(text)
    ? `${escaped(env["HOME"] || homedir())}${text.slice(1)}`
    : /^\.\.?(\/|$)/.test(text)
    ? `${escaped(cwd())}/${text}`
    : text
  const parts: Array<string> = []
  for (const part of whole.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  const bad = parts.find((part) => part.replace(/\\./gs, "").replace(/\[[!^]?\]?[^\]]*\]/g, "").includes("["))
  if (bad !== undefined) return `The pattern "${given}" is not valid: "${bad}" has a [ without its ]`
  const absolute = isAbsolute(whole)
  if (parts.length === 0 && !absolute) return `The pattern "${given}" names nothing`
  return {
    given,
    negated,
    parts,
    directories: whole.endsWith("/") && parts.length > 0,
    from: absolute ? "root" : parts.length > 1 ? "anywhere" : "beneath",
  }
}

/** What a pattern means at a place. */
export const patternAt = ({ directories, from, negated, parts }: Pattern, { names, under }: Place): Placed => {
  const before = negated ? "!" : ""
  const after = directories ? "/" : ""
  const prefix = under === "" ? "" : `/${escaped(under)}`
  if (from === "beneath") {
    const name = names.at(-1)
    const all = name !== undefined && matchesName(parts[0]!, name)
    const rule = prefix === "" ? bare(parts[0]!) : `${prefix}/**/${parts[0]}`
    return { all, rules: all ? everything(before, prefix) : [`${before}${rule}${after}`] }
  }
  const wanted = from === "root" ? parts : ["**", ...parts]
  const rests = restsAfter(wanted, names)
  const all = rests.has(wanted.length)
  return {
    all,
    rules: all
      ? everything(before, prefix)
      : [...rests].map((at) => `${before}${prefix}/${wanted.slice(at).join("/")}${after}`),
  }
}

/** Where in `parts` what is beneath the names goes on matching; the number of parts when the names match them all. */
const restsAfter = (parts: ReadonlyArray<string>, names: ReadonlyArray<string>): ReadonlySet<number> => {
  const ends = new Set<number>()
  const seen = new Set<string>()
  const follow = (part: number, name: number): void => {
    const state = `${part} ${name}`
    if (seen.has(state)) return
    seen.add(state)
    if (part === parts.length || name === names.length) ends.add(part)
    else if (parts[part] === "**") {
      follow(part + 1, name)
      follow(part, name + 1)
    } else if (matchesName(parts[part]!, names[name]!)) follow(part + 1, name + 1)
  }
  follow(0, 0)
  return ends
}

/** What matches at a place and all beneath it. */
const everything = (before: string, prefix: string): ReadonlyArray<string> =>
  prefix === "" ? [`${before}*`] : [`${before}${prefix}`, `${before}${prefix}/**`]

/** The pattern in gitignore syntax that matches this text only. */
export const escaped = (text: string): string => text.replace(/[\\*?[\]\s]/g, "\\$&")

/** A name as a rule of its own. */
const bare = (part: string): string => /^[#!]/.test(part) ? `\\${part}` : part

const matchesName = (part: string, name: string): boolean =>
  ignore({ ignorecase: false }).add([{ pattern: `/${part}` }]).ignores(name)

/**
 * The pattern with `\xNN`, as names are shown, made bytes, and white space that the library would drop made to count.
 * Undefined when it ends in the middle of an escape.
 */
const spelled = (text: string): string | undefined => {
  if (/(^|[^\\])(\\\\)*\\$/.test(text)) return undefined
  return text.replace(
    /(?:\\x[0-9a-f]{2})+|\\.|\s/gis,
    (found) =>
      /^\\x[0-9a-f]{2}/i.test(found) ? escaped(unquotePath(found)) : found.startsWith("\\") ? found : `\\${found}`,
  )
}
