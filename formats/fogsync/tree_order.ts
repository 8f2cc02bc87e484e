/** The order of paths in the tree of all paths. SPEC.md, "Listing as a tree". */

const SLASH = 0x2f

/**
 * Compares two paths, as bytes. `/` is less than any other byte, and a path is less than any that it begins: so
 * everything in a directory comes directly after it. The root directory, which is empty, is the first.
 */
export const comparePaths = (a: Uint8Array, b: Uint8Array): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    if (a[i] === b[i]) continue
    return a[i] === SLASH ? -1 : b[i] === SLASH ? 1 : a[i]! - b[i]!
  }
  return a.length - b.length
}

/** Whether a path is that of the directory, or beneath it. */
export const isAtOrBeneath = (path: Uint8Array, directory: Uint8Array): boolean => {
  if (path.length < directory.length) return false
  for (let i = 0; i < directory.length; i++) if (path[i] !== directory[i]) return false
  return path.length === directory.length || directory.length === 0 || path[directory.length] === SLASH
}

/** The position of the first item in a sorted list that is not before a path. */
export const positionOf = <A>(items: ReadonlyArray<A>, path: Uint8Array, pathOf: (item: A) => Uint8Array): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (comparePaths(pathOf(items[middle]!), path) < 0) low = middle + 1
    else high = middle
  }
  return low
}
