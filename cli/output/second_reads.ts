/**
 * Objects that were read wrongly once, and rightly the second time: nothing is wrong with them, but something between
 * them and here.
 */
import { plural } from "./quantity.ts"

/** Those of the process. */
const objects = new Set<string>()

/** For `OnSecondRead`. */
export const countSecondRead = (object: string): void => void objects.add(object)

/** Members of the summary of `--json`; none when all was read rightly. */
export const secondReadMembers = (): Readonly<Record<string, number>> =>
  objects.size === 0 ? {} : { readTwice: objects.size }

/** What there is to say of them; undefined when there is nothing. */
export const secondReadWarning = (): string | undefined => {
  if (objects.size === 0) return undefined
  const [first] = objects
  return `${plural(objects.size, "object")} came in wrong once, and right the second time${
    objects.size === 1 ? ":" : ", such as"
  } ${first}; nothing is lost, but look at the network, the cables and the memory of this machine`
}
