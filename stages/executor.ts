/** Where plans run. */
import { Context, Effect, Stream } from "effect"
import { catching } from "./error.ts"
import { emptyList } from "./hash/chunk_list.ts"
import { KernelError, Kernels } from "./kernel.ts"
import { type Block, Lane, type LaneOptions } from "./lane.ts"
import type { Plan, Planned, Steps } from "./plan.ts"
import type { Entry, ReaderContent } from "./walk/entry.ts"
import { SourceError } from "./walk/source.ts"

/** An entry whose content is stored. */
export interface Stored extends Entry {
  /** The chunks of the content, a chunk list; empty for anything but files. */
  readonly chunks: Uint8Array
  /** True when the content was known and not read. */
  readonly reused: boolean
  /** Content that was stored although it is not one state of the file: why. */
  readonly warning?: string
}

/** One run of a plan, as the executor sees it. */
export interface Job<E> extends LaneOptions {
  readonly plan: Plan
  /** Told of content bytes as they are read. */
  readonly onRead: (path: string, bytes: number) => void
  /** Takes blocks; when it ends, the next may be made. */
  readonly emit: (blocks: ReadonlyArray<Block>) => Effect.Effect<void, E>
}

/** Runs plans over units of work: some hundred small files, or one large one. */
export interface Executor {
  /** How many units may run at once. */
  readonly size: number
  /**
   * Starts a job, and gives the function that runs a unit of it. What a unit's entries consist of is emitted before its effect ends.
   * Fails only with what kernels and `emit` fail with: content that cannot be read makes its entry `unreadable`.
   */
  readonly start: <E>(
    job: Job<E>,
  ) => Effect.Effect<
    (unit: ReadonlyArray<Planned<Steps>>) => Effect.Effect<ReadonlyArray<Stored>, E | KernelError>,
    KernelError
  >
}

/** Told of content as it is read, by any executor: for progress within large files. */
export const OnRead: Context.Reference<(path: string, bytes: number) => void> = Context.Reference("penstock/OnRead", {
  defaultValue: (): (path: string, bytes: number) => void => () => {},
})

/** Blocks are handed on when so many stored bytes wait. */
const EMIT_BYTES = 4 << 20
/** How often a file that changes while it is read is read again. */
const RETRIES = 1

/** Runs plans on this thread, one unit at a time. */
export const inline: Executor = {
  size: 1,
  start: <E>(job: Job<E>) =>
    Effect.gen(function* () {
      const table = yield* Kernels
      const lane = yield* catching(KernelError, () => new Lane(job.plan, table, job))
      return Effect.fnUntraced(function* (unit: ReadonlyArray<Planned<Steps>>) {
        const results: Array<Stored> = []
        for (let at = 0; at < unit.length;) {
          const entry = unit[at]!
          if (entry.content !== undefined && Stream.isStream(entry.content) && entry.known === undefined) {
            results.push(yield* storeStream(lane, job, bare(entry), entry.content))
            at++
          } else {
            let end = at + 1
            while (end < unit.length && !Stream.isStream(unit[end]!.content)) end++
            yield* steps(storeAll(lane, job, unit.slice(at, end), results), lane, job)
            at = end
          }
        }
        yield* catching(KernelError, () => lane.flush())
        yield* job.emit(lane.take())
        return results
      })
    }),
}

/** The executor in use. */
export const Executor: Context.Reference<Executor> = Context.Reference<Executor>("penstock/Executor", {
  defaultValue: (): Executor => inline,
})

/** Drives synchronous work that pauses now and then: hands blocks on, and lets interruption and other fibers in. */
const steps = Effect.fnUntraced(function* <E>(work: Generator<void, void>, lane: Lane, job: Job<E>) {
  while (!(yield* catching(KernelError, () => work.next())).done) {
    if (lane.readyBytes >= EMIT_BYTES) yield* job.emit(lane.take())
    yield* Effect.yieldNow
  }
}, (effect, work) => Effect.ensuring(effect, Effect.sync(() => work.return())))

/** Stores entries one after the other; pauses after so many bytes. */
function* storeAll<E>(
  lane: Lane,
  job: Job<E>,
  entries: ReadonlyArray<Planned<Steps>>,
  results: Array<Stored>,
): Generator<void, void> {
  let bytes = 0
  for (const entry of entries) {
    const stored = yield* store(lane, job, entry)
    results.push(stored)
    bytes += stored.size ?? 0
    if (lane.readyBytes >= EMIT_BYTES || bytes >= EMIT_BYTES) {
      bytes = 0
      yield
    }
  }
}

function* store<E>(lane: Lane, job: Job<E>, entry: Planned<Steps>): Generator<void, Stored> {
  const { content, known } = entry
  if (entry.kind !== "file") return { ...bare(entry), chunks: emptyList, reused: false }
  if (known !== undefined) return { ...bare(entry), chunks: known, reused: true }
  if (content === undefined) return { ...bare(entry), size: 0, chunks: emptyList, reused: false }
  if (content instanceof Uint8Array) {
    lane.begin()
    lane.push(content)
    job.onRead(entry.path, content.length)
    return { ...bare(entry), size: content.length, chunks: lane.end(), reused: false }
  }
  try {
    return yield* storeReader(lane, job, bare(entry), content as ReaderContent)
  } catch (error) {
    if (error instanceof SourceError) return unreadable(entry, error)
    throw error
  }
}

function* storeReader<E>(lane: Lane, job: Job<E>, entry: Entry, content: ReaderContent): Generator<void, Stored> {
  for (let attempts = 0;; attempts++) {
    const reader = content.open()
    try {
      lane.begin()
      const scratch = lane.direct ? undefined : new Uint8Array(EMIT_BYTES)
      for (;;) {
        const into = scratch ?? lane.space()
        const length = reader.read(into)
        job.onRead(entry.path, length)
        if (scratch === undefined) lane.wrote(length)
        else lane.push(scratch.subarray(0, length))
        if (length < into.length) break
        yield
      }
      const chunks = lane.end()
      const { changed, size, metadata } = reader.finish()
      if (changed && attempts < RETRIES) continue
      return {
        ...entry,
        // Of a file that changed, the metadata from before: the next backup then sees that it is to be read again.
        metadata: changed ? entry.metadata : { ...entry.metadata, ...metadata },
        size,
        chunks,
        reused: false,
        ...(changed ? { warning: "It changed while it was read, twice; what was read is stored" } : {}),
      }
    } finally {
      reader.close()
    }
  }
}

const storeStream = Effect.fnUntraced(
  function* <E>(lane: Lane, job: Job<E>, entry: Entry, content: Stream.Stream<Uint8Array, SourceError>) {
    let size = 0
    yield* catching(KernelError, () => lane.begin())
    yield* Stream.runForEachArray(content, (slices) =>
      Effect.flatMap(
        catching(KernelError, () => {
          for (const slice of slices) {
            size += slice.length
            lane.push(slice)
            job.onRead(entry.path, slice.length)
          }
        }),
        () => lane.readyBytes >= EMIT_BYTES ? job.emit(lane.take()) : Effect.void,
      ))
    const chunks = yield* catching(KernelError, () => lane.end())
    return { ...entry, size, chunks, reused: false } as Stored
  },
  (effect, _lane, _job, entry) =>
    Effect.catch(
      effect,
      (error) => error instanceof SourceError ? Effect.succeed(unreadable(entry, error)) : Effect.fail(error),
    ),
)

const unreadable = (entry: Entry, error: SourceError): Stored => ({
  path: entry.path,
  kind: "unreadable",
  metadata: entry.metadata,
  size: 0,
  chunks: emptyList,
  reused: false,
  problem: error.message,
})

/** The entry without its content and plan, which nothing should keep alive. */
const bare = (entry: Entry & { readonly plan?: Plan; readonly known?: Uint8Array }): Entry => {
  const { content: _content, plan: _plan, known: _known, ...rest } = entry
  return rest
}
