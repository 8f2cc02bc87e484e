/** Which part of the stored content a check reads and verifies. */
import { crc32 } from "../stages/compress/crc32.ts"

/**
 * What a check reads of the content:
 *
 * - a number: this share of the objects in percent, chosen at random, and at least one. 0 reads none, 100 all.
 * - `part` and `of`: part 1, 2, … of so many parts. The name of an object tells its part, so checks of all parts read
 *   every object that was there all the time.
 * - `bytes`: objects chosen at random, of about so many bytes together.
 */
export type ReadData =
  | number
  | { readonly part: number; readonly of: number }
  | { readonly bytes: number }

/**
 * Says which objects a check reads. Call the function that it gives once for each object, with its name. `stored`: how
 * many objects there are, and their bytes together.
 *
 * @example Two halves are the whole
 * ```ts
 * import assert from "node:assert/strict"
 * import { chooseData } from "@penstock/penstock/format"
 *
 * const names = ["DATA/a", "DATA/b", "DATA/c"]
 * const stored = { count: 3, bytes: 3000 }
 * const [one, two] = [1, 2].map((part) => names.filter(chooseData({ part, of: 2 }, stored)))
 * assert.deepEqual([...one!, ...two!].sort(), names)
 * ```
 */
export const chooseData = (
  readData: ReadData,
  stored: { readonly count: number; readonly bytes: number },
): (name: string) => boolean => {
  if (typeof readData === "object" && "of" in readData) {
    const { of, part } = readData
    return (name) => crc32(encoder.encode(name)) % of === part - 1
  }
  const percent = typeof readData === "number" ? readData : Math.min(100, readData.bytes / stored.bytes * 100)
  if (percent >= 100) return () => true
  if (!(percent > 0)) return () => false
  // Each set of so many objects is equally likely.
  let wanted = Math.max(1, Math.floor(stored.count * percent / 100))
  let left = stored.count
  return () => {
    const chosen = Math.random() * left-- < wanted
    if (chosen) wanted--
    return chosen
  }
}

const encoder = new TextEncoder()
