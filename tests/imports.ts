/**
 * What a source imports, read from its text: for the rules of the house, the plan of a run, and the choice of tests for
 * a mutant.
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** Source without comments. Strings are matched first, so that `"https://…"` is not taken for one. */
export const withoutComments = (source: string): string =>
  source.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g,
    (comment: string, text: string | undefined) => text ?? comment.replace(/[^\n]+/g, " "),
  )

/**
 * Every module that a source names: static, dynamic and type imports, re-exports, `require`, and workers named by URL.
 */
export const importsOf = (source: string): string[] => {
  const code = withoutComments(source)
  const forms = [
    /(?:^|[\n;}])\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"'\n]+)["']/g,
    /(?:^|[\n;}])\s*import\s*["']([^"'\n]+)["']/g,
    /\bimport\s*\(\s*["'`]([^"'`\n]+)["'`]/g,
    /\b(?:require|import\.meta\.resolve)\s*\(\s*["'`]([^"'`\n]+)["'`]/g,
    /\bnew URL\(\s*["'`](\.{1,2}\/[^"'`\n]+\.[jt]s)["'`]\s*,\s*import\.meta\.url/g,
  ]
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1]!))
}

/**
 * Sources that a file names in any string, from its own folder or from the root: what it imports, and what it starts.
 */
const named = (root: string, path: string): ReadonlyArray<string> => {
  const strings = withoutComments(readFileSync(join(root, path), "utf8")).matchAll(/["'`]([\w./-]+\.ts)["'`]/g)
  return [...strings].flatMap(([, name]) =>
    [join(dirname(path), name!), name!].map((one) => one.replaceAll("\\", "/"))
      .filter((one) => !one.startsWith("..") && existsSync(join(root, one)))
  )
}

/** How many steps each source is away from a file, by what it imports and what it starts. Paths are from the root. */
export const distancesFrom = (root: string, path: string): ReadonlyMap<string, number> => {
  const distances = new Map([[path, 0]])
  // A map gives what is added while one goes through it.
  for (const [at, distance] of distances) {
    for (const next of named(root, at)) if (!distances.has(next)) distances.set(next, distance + 1)
  }
  return distances
}
