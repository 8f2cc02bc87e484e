/** Which paths an archive can hold together, and their order. */
import { displayPath, pathProblem } from "../../stages/walk/path.ts"

/** Why these files and empty directories cannot be in one archive, or undefined when they can. */
export const pathsProblem = (files: ReadonlyArray<string>, directories: ReadonlyArray<string>): string | undefined => {
  const all: Array<{ readonly key: string; readonly file: boolean }> = []
  for (const [paths, file] of [[files, true], [directories, false]] as const) {
    for (const path of paths) {
      const problem = path === "" ? "it is empty" : pathProblem(path)
      if (problem !== undefined) return `the path "${displayPath(path.slice(0, 200))}" is not valid: ${problem}`
      all.push({ key: path.replaceAll("/", "\0"), file })
    }
  }
  // With NUL in the place of slashes, which no name has, all that is beneath a path comes directly after it.
  all.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  for (const [i, { file, key }] of all.entries()) {
    const next = all[i + 1]
    if (next === undefined) break
    const path = (): string => displayPath(key.replaceAll("\0", "/"))
    if (next.key === key) return `the path "${path()}" comes twice`
    if (file && next.key.startsWith(`${key}\0`)) return `"${path()}" is a file, and yet something is beneath it`
  }
  return undefined
}

/**
 * What the place of a path in a walk is compared by: all that is beneath a directory stays together; in each directory
 * first what is in it itself, then its subdirectories, each sorted by name (UTF-16).
 */
export const walkKey = (path: string, directory: boolean): string => {
  const names = path.split("/")
  const last = directory ? "" : `\0${names.pop()}`
  // NUL is in no path, and sorts before U+0001.
  return names.map((name) => `\u0001${name}\0`).join("") + last
}

/** Sorts in place by the place in a walk. */
export const sortPaths = <A>(items: Array<A>, pathOf: (item: A) => string, directories: boolean): Array<A> => {
  const keyed = items.map((item) => ({ item, key: walkKey(pathOf(item), directories) }))
  keyed.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  for (const [i, { item }] of keyed.entries()) items[i] = item
  return items
}
