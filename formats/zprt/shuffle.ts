/** The random order of contents in an archive: so the sequence of their sizes tells nothing about the tree. */

/** Makes a source of numbers in [0, 1). With a seed it gives the same numbers each time (mulberry32, public domain). */
export const randomNumbers = (seed: number | undefined): () => number => {
  if (seed === undefined) {
    const pool = new Uint32Array(1024)
    let at = pool.length
    return () => {
      if (at === pool.length) {
        crypto.getRandomValues(pool)
        at = 0
      }
      return pool[at++]! / 2 ** 32
    }
  }
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Shuffles in place (Fisher and Yates). */
export const shuffle = <A>(items: Array<A>, random: () => number): Array<A> => {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const item = items[i]!
    items[i] = items[j]!
    items[j] = item
  }
  return items
}
