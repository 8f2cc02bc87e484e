/** Stores a part of a large content through a lane, so that several threads work on one content. */
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

/** Whether contents can be stored in parts: only when the plan has no kernel that works on a whole content. */
export const isDivisible = (plan: Plan): boolean => plan[0]?.stage === "chunk"

/**
 * Stores the next part of a content: the chunks that start within about `bytes` bytes from where the reader is. The
 * reader is at the start of a chunk. Where a chunk ends depends only on the bytes from its start on, so the parts have
 * the same chunks as the whole content.
 *
 * Calls `onEnd` with the end of the part before the chunks are hashed, compressed and so on, which takes much longer.
 * Pauses after each chunk, so that blocks can be taken. Returns the chunk list of the part.
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
