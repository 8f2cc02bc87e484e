/**
 * Small wrong changes of a source, as a tired hand would make them: which there are, and the source with one of them.
 */

/** What kinds of changes there are. */
export const kinds = ["operator", "comparison", "constant", "condition", "statement"] as const

/** Kind of a change. */
export type Kind = (typeof kinds)[number]

/** One change: `from` at `offset` becomes `to`. */
export interface Change {
  readonly kind: Kind
  readonly offset: number
  readonly from: string
  readonly to: string
}

const operators: Readonly<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "+",
  "/": "*",
  "%": "/",
  "<<": ">>>",
  ">>": "<<",
  ">>>": "<<",
  "&&": "||",
  "||": "&&",
  "??": "&&",
  "===": "!==",
  "!==": "===",
  "+=": "-=",
  "-=": "+=",
  "++": "--",
  "--": "++",
}
const comparisons: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" }

/** The source with comments, strings and regular expressions blank, so that offsets stay. */
const codeOf = (source: string): string =>
  source.replace(
    /"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[^]*?\*\/|(?<=[(,=:?&|!]\s*|return )\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g,
    (text) => text.replace(/[^\n]/g, " "),
  )

/** The code without what only the type check reads: imports, types and interfaces at the top level. */
const withoutTypes = (code: string): string =>
  code.replace(
    /^(?:import|export \* |export \{|(?:export )?(?:type|interface) )[^]*?\n(?=[^\s}])/gm,
    (text) => text.replace(/[^\n]/g, " "),
  )

/** Where the bracket that opens at `at` closes; -1 when it does not. */
const closing = (code: string, at: number): number => {
  let depth = 0
  for (let i = at; i < code.length; i++) {
    if ("([{".includes(code[i]!)) depth++
    if (")]}".includes(code[i]!) && --depth === 0) return i
  }
  return -1
}

const balanced = (text: string): boolean => {
  let depth = 0
  for (const sign of text) {
    if ("([{".includes(sign)) depth++
    if (")]}".includes(sign) && --depth < 0) return false
  }
  return depth === 0
}

/**
 * Statements of one line: a call, an assignment, a count. Not what goes on from the line before, or into the next one.
 */
const statements = (code: string, source: string): ReadonlyArray<Change> => {
  const out: Array<Change> = []
  let offset = 0
  let before = ""
  const lines = code.split("\n")
  for (const [i, line] of lines.entries()) {
    const text = line.trim()
    const next = lines[i + 1]?.trim() ?? ""
    const stands = before === "" || /[{}\w)\];]$/.test(before)
    const goesOn = /^[.?:&|)\]+*,]/.test(next)
    const isStatement = /^(yield\* |await |void )?[\w.#[\]!]+(\(.*\)| [-+*|^&]?= .*|\+\+|--)$/.test(text)
    if (isStatement && stands && !goesOn && balanced(text) && !/^(if|for|while|switch|return|catch)\b/.test(text)) {
      const at = offset + line.indexOf(text)
      out.push({ kind: "statement", offset: at, from: source.slice(at, at + text.length), to: ";" })
    }
    if (text !== "") before = text
    offset += line.length + 1
  }
  return out
}

/** All changes of a source. */
export const changesOf = (source: string): ReadonlyArray<Change> => {
  const code = withoutTypes(codeOf(source))
  const out: Array<Change> = []
  const each = (kind: Kind, form: RegExp, to: (from: string) => string | undefined): void => {
    for (const match of code.matchAll(form)) {
      const changed = to(match[0])
      if (changed !== undefined) out.push({ kind, offset: match.index, from: match[0], to: changed })
    }
  }
  each("operator", /(?<= )(?:[-+*/%]|<<|>>>?|&&|\|\||\?\?|[!=]==|[-+]=)(?= )|\+\+|--/g, (from) => operators[from])
  // In types, too, there are `&` and `|`, but not before numbers.
  each("operator", /(?<= )[&|](?= (?:0x|\d))/g, (from) => from === "&" ? "|" : "&")
  each("comparison", /(?<= )[<>]=?(?= )/g, (from) => comparisons[from])
  each("constant", /(?<![\w.$#])(?:0x[\da-fA-F]+|\d[\d_]*)n?(?![\w.])/g, (from) => {
    const value = BigInt(from.replaceAll("_", "").replace(/n$/, "")) + 1n
    return `${from.startsWith("0x") ? `0x${value.toString(16)}` : value}${from.endsWith("n") ? "n" : ""}`
  })
  each("constant", /(?<![\w.$#])(?:true|false)(?![\w:?])/g, (from) => from === "true" ? "false" : "true")
  for (const { index } of code.matchAll(/\bif \(/g)) {
    const open = index + 3
    const close = closing(code, open)
    if (close < 0) continue
    const from = source.slice(open, close + 1)
    out.push({ kind: "condition", offset: open, from, to: `(!${from})` })
  }
  return [...out, ...statements(code, source)]
}

/** The source with a change. */
export const changed = (source: string, { from, offset, to }: Change): string =>
  source.slice(0, offset) + to + source.slice(offset + from.length)

/** Numbers from 0 to 1, the same for the same seed: xorshift, after a start that mixes the parts of the seed. */
export const randomOf = (...seed: ReadonlyArray<number>): () => number => {
  let state = seed.reduce((sum, part) => Math.imul(sum ^ part, 0x9e3779b1) ^ (sum >>> 15), 0x2545f491) | 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
  for (let i = 0; i < 8; i++) next()
  return next
}
