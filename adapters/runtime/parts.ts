/**
 * Stores a large file on several threads. Each thread stores a part. It finds the end of its part before it does the
 * slow work, so that the next thread can start there.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type FileState, sameState } from "../files/source/reader.ts"
import { metadataAsRead, readUntilUnchanged } from "../../stages/walk/reread.ts"
import type { Job } from "../../stages/run/executor.ts"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import type { PartEnd } from "../../stages/run/part.ts"
import type { Planned, Steps } from "../../stages/plan/plan.ts"
import { type Stored, unreadable, withoutContent } from "../../stages/plan/stored.ts"
import type { Metadata } from "../../stages/walk/entry.ts"
import { locatorOf } from "./files_message.ts"
import type { ThreadTask } from "./pool.ts"

/** Runs a task on a thread that has no other task. */
export type RunAlone = <A, E>(use: (thread: ThreadTask) => Effect.Effect<A, E>) => Effect.Effect<A, E | KernelError>

/** How a file is stored in parts. */
export interface Parts<E> {
  readonly job: Job<E>
  readonly number: number
  readonly runAlone: RunAlone
  readonly partBytes: number
}

/** A part that was stored. */
interface StoredPart {
  readonly chunks: Uint8Array
  readonly length: number
  /** Absent when the part could not be read. */
  readonly metadata?: Metadata
  /** Whether the file changed, or went on behind the part. Only that of the last part counts. */
  readonly changed?: boolean
  readonly problem?: string
  /** The states of the file at the start and the end of the part. */
  readonly states: ReadonlyArray<FileState>
}

/** A file that was stored once. */
interface Outcome {
  readonly stored: Stored
  readonly changed: boolean
}

/** Stores a file. Stores it once more when it changed in the meantime. */
export const storeInParts: <E>(
  entry: Planned<Steps>,
  parts: Parts<E>,
) => Effect.Effect<Stored, E | KernelError> = Effect.fnUntraced(
  function* <E>(entry: Planned<Steps>, parts: Parts<E>): Effect.fn.Return<Stored, E | KernelError> {
    const { stored } = yield* readUntilUnchanged(() => storeOnce(entry, parts))
    return stored
  },
)

const storeOnce = Effect.fnUntraced(
  function* <E>(entry: Planned<Steps>, parts: Parts<E>): Effect.fn.Return<Outcome, E | KernelError> {
    const fibers: Array<Fiber.Fiber<StoredPart, E | KernelError>> = []
    for (let from = 0;;) {
      const cut = yield* Deferred.make<PartEnd>()
      const fiber = yield* Effect.forkChild(storePart(entry, from, cut, parts))
      fibers.push(fiber)
      // Waits for the end of this part, or for its failure.
      const end = yield* Effect.raceFirst(Deferred.await(cut), Effect.andThen(Fiber.join(fiber), Effect.never))
      from += end.length
      if (end.final) break
    }
    const stored = yield* Fiber.joinAll(fibers)
    return storedOf(entry, stored)
  },
)

const storePart = Effect.fnUntraced(function* <E>(
  entry: Planned<Steps>,
  from: number,
  cut: Deferred.Deferred<PartEnd>,
  { job, number, partBytes, runAlone }: Parts<E>,
): Effect.fn.Return<StoredPart, E | KernelError> {
  return yield* runAlone(Effect.fnUntraced(function* ({ receive, send }) {
    send((task) => ({ type: "part", task, job: number, locator: locatorOf(entry), from, bytes: partBytes }))
    let length = 0
    const states: Array<FileState> = []
    for (;;) {
      const reply = yield* receive
      if (reply.type === "cut") {
        length = reply.length
        states.push(reply.state)
        yield* Deferred.succeed(cut, { length, final: reply.final })
        continue
      }
      if (reply.type !== "unreadable" && reply.type !== "stored") job.onRead(entry.path, reply.read)
      yield* job.emit(reply.blocks)
      if (reply.type === "blocks") send(() => ({ type: "taken" }))
      else if (reply.type === "part") {
        const { changed, chunks, metadata, state } = reply
        return { chunks, length, metadata, changed, states: [...states, state] }
      } else if (reply.type === "unreadable") {
        // Nothing behind it can be read either.
        yield* Deferred.succeed(cut, { length: 0, final: true })
        return { chunks: emptyList, length, states, problem: reply.problem }
      }
    }
  }))
})

/** The file that its parts make, and whether it changed meanwhile. */
const storedOf = (entry: Planned<Steps>, parts: ReadonlyArray<StoredPart>): Outcome => {
  const problem = parts.find((part) => part.problem !== undefined)?.problem
  if (problem !== undefined) {
    return { stored: unreadable(entry, { message: problem }), changed: false }
  }
  const chunks = new Uint8Array(parts.reduce((sum, part) => sum + part.chunks.length, 0))
  let at = 0
  for (const part of parts) {
    chunks.set(part.chunks, at)
    at += part.chunks.length
  }
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  const states = parts.flatMap((part) => part.states)
  const changed = !states.every((state) => sameState(state, states[0]!)) || parts.at(-1)!.changed === true
  const { metadata } = parts.at(-1)!
  const stored = {
    ...withoutContent(entry),
    size,
    chunks,
    ...metadataAsRead(entry, { changed, metadata }),
    reused: false,
  }
  return { stored, changed }
}
