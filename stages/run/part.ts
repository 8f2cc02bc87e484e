/** A part of a large content, stored through a lane: several threads then work on one content. */
import type { Lane } from "./lane.ts"
import type { OnRead } from "./progress.ts"
import type { Plan } from "../plan/plan.ts"
import type { Reader } from "../walk/entry.ts"

/** Where a part ends. */
export interface PartEnd {
  /** Bytes from its start to the end of its last chunk, where the next part starts. */
  readonly length: number
  /** Whether the content ends there. */
  readonly final: boolean
}

/** Whether a content may be stored in parts: not when something works on it as a whole. */
export const divisible = (plan: Plan): boolean => plan[0]?.stage === "chunk"

/**
 * Stores the chunks of a content that start within its next `bytes` bytes, or a little less, from where the reader is:
 * the start of a chunk. Where a chunk ends depends on the bytes from its start on, so parts have the chunks that the
 * content has as a whole. `onEnd` is told the end before the chunks are hashed, compressed and so on, which takes
 * longer by far. Pauses after each chunk, for blocks to be taken.
 */
export function* storePart(
  lane: Lane,
  onRead: OnRead,
  path: string,
  reader: Reader,
  bytes: number,
  onEnd: (end: PartEnd) => void,
): Generator<void, Uint8Array> {
  lane.begin()
  let final = false
  for (let held = 0; !final && held < bytes + lane.maximum;) {
    const into = lane.space()
    const length = reader.read(into)
    held = lane.hold(length)
    final = length < into.length
  }
  const ends = lane.ends(final)
  const length = ends.at(-1) ?? 0
  onEnd({ length, final })
  let from = 0
  for (const to of ends) {
    lane.accept(from, to)
    onRead(path, to - from)
    from = to
    yield
  }
  return lane.endPart()
}
