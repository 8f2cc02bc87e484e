/** Several measurements of the same thing. */

/** The smallest, the middle and the largest value. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** The spread of values, of which there must be one or more. */
export const spread = (values: ReadonlyArray<number>): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return {
    min: sorted[0]!,
    median: sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2,
    max: sorted.at(-1)!,
  }
}
