/** The order of names in a directory of a walk: by their bytes. */
import { Order } from "effect/Bytes"
import { pathToBytes } from "./path.ts"

/** Text below U+D800 sorts alike in UTF-16 and UTF-8, so it needs no encoding. */
const needsBytes = /[\ud800-\uffff]/

/** Compares two names or paths by their bytes, as `memcmp` does. */
export const compareNames = (a: string, b: string): number =>
  needsBytes.test(a) || needsBytes.test(b) ? Order(pathToBytes(a), pathToBytes(b)) : a < b ? -1 : a > b ? 1 : 0

/** Sorts names by their bytes, in place. */
export const sortNames = (names: Array<string>): Array<string> =>
  names.some((name) => needsBytes.test(name)) ? names.sort(compareNames) : names.sort()
