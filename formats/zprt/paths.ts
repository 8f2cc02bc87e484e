/** Which paths one archive can hold, and the order in which it lists them. */
import { displayPath, pathProblem } from "../../stages/walk/path.ts"

/**
 * Why one archive cannot hold all these files and empty directories: a clause. Undefined when it can.
 */
export const pathsProblem = (files: ReadonlyArray<string>, directories: ReadonlyArray<string>): string | undefined => {
  const all: Array<{ readonly key: string; readonly file: boolean }> = []
  for (const [paths, file] of [[files, true], [directories, false]] as const) {
    for (const path of paths) {
      const problem = path === "" ? "it is empty" : pathProblem(path)
      if (problem !== undefined) return `the path "${displayPath(path.slice(0, 200))}" is not valid: ${problem}`
      all.push({ key: path.replaceAll("/", "\0"), file })
    }
  }
  // No name contains NUL. With NUL instead of slashes, everything beneath a path sorts directly after it.
  all.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  for (const [i, { file, key }] of all.entries()) {
    const next = all[i + 1]
    if (next === undefined) break
    const path = (): string => displayPath(key.replaceAll("\0", "/"))
    if (next.key === key) return `the path "${path()}" comes twice`
    if (file && next.key.startsWith(`${key}\0`)) return `"${path()}" is a file, but there are entries beneath it`
  }
  return undefined
}

/**
 * A key that sorts paths in the order of a walk. Everything beneath a directory stays together. In each directory its
 * files come first, then its subdirectories, each sorted by name (UTF-16 code units).
 */
export const walkKey = (path: string, directory: boolean): string => {
  const names = path.split("/")
  const last = directory ? "" : `\0${names.pop()}`
  // No path contains NUL, and NUL sorts before U+0001.
  return names.map((name) => `\u0001${name}\0`).join("") + last
}

/** Sorts items in place, by their paths, into the order of a walk. */
export const sortPaths = <A>(items: Array<A>, pathOf: (item: A) => string, directories: boolean): Array<A> => {
  const keyed = items.map((item) => ({ item, key: walkKey(pathOf(item), directories) }))
  keyed.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  for (const [i, { item }] of keyed.entries()) items[i] = item
  return items
}
