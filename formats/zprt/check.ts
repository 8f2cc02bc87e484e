/** Verifies an archive. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Damage } from "../../stages/store/damage.ts"
import { StoreError } from "../../stages/store/store.ts"
import { chooseData } from "../data_subset.ts"
import type { CheckOptions, CheckSummary } from "../repository.ts"
import type { FormatError } from "../error.ts"
import { loadArchive } from "./archive_read.ts"
import { fileContent } from "./content_read.ts"
import { type Index, isEmpty, type StoredContent } from "./index.ts"
import { ARCHIVE } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** How many contents are read at once. */
const CONCURRENCY = 4

/**
 * Verifies the structure: both magics, trailer and index. The contents that `readData` chooses are read, decrypted,
 * decompressed and hashed. Checks again when another archive took the place of one with findings.
 */
export const check = (opened: Opened, options: CheckOptions): Effect.Effect<CheckSummary, FormatError> =>
  Effect.flatMap(
    checkArchive(opened, options),
    ({ fingerprint, ...summary }): Effect.Effect<CheckSummary, FormatError> =>
      fingerprint === undefined || summary.findings.length === 0
        ? Effect.succeed(summary)
        : Effect.matchEffect(loadArchive(opened), {
          onFailure: () => Effect.succeed(summary),
          onSuccess: (now) => now.fingerprint === fingerprint ? Effect.succeed(summary) : check(opened, options),
        }),
  )

/** Checks the archive that is there now. Gives its fingerprint when its index could be read. */
const checkArchive: (
  opened: Opened,
  options: CheckOptions,
) => Effect.Effect<CheckSummary & { readonly fingerprint?: string }, FormatError> = Effect
  .fnUntraced(function* (opened: Opened, { progress, readData }: CheckOptions) {
    const damage = new Damage()
    const summary = { snapshots: 0, packs: 1, chunks: 0, bytesRead: 0 }
    const loaded = yield* Effect.result(loadArchive(opened))
    if (loaded._tag === "Failure") {
      const { failure } = loaded
      if (failure._tag !== "RepositoryError" || failure.reason !== "corrupt") return yield* Effect.fail(failure)
      damage.addError(failure, ARCHIVE)
      return { ...summary, findings: damage.findings }
    }
    const { fingerprint, id, index } = loaded.success
    const paths = pathsByContent(index)
    const finding = (content: StoredContent, message: string, cause?: unknown): void => {
      const object = `${ARCHIVE}, ${content.length} bytes at ${content.offset}`
      damage.add(object, message, cause)
      for (const path of paths.get(content) ?? []) damage.addFile(object, id, path)
    }
    for (const content of overlapping(index.contents)) finding(content, "It overlaps with the one before it")
    const bytes = index.contents.reduce((sum, { length }) => sum + length, 0)
    const chosen = chooseData(readData, { count: index.contents.length, bytes })
    let bytesRead = 0
    let done = 0
    yield* Effect.forEach(index.contents, (content) =>
      Effect.gen(function* () {
        if (chosen(String(content.offset))) {
          bytesRead += content.length
          yield* Stream.runDrain(fileContent(opened, content, paths.get(content)?.[0] ?? "")).pipe(
            Effect.catch((error): Effect.Effect<void, StoreError> =>
              // The store cannot be reached, so nothing can be said of the content.
              error.reason === "io" && error.cause instanceof StoreError
                ? Effect.fail(error.cause)
                : Effect.sync(() => finding(content, error.message, error))
            ),
          )
        }
        progress?.({ done: ++done, total: index.contents.length })
      }), { concurrency: CONCURRENCY, discard: true })
    return {
      ...summary,
      fingerprint,
      snapshots: isEmpty(index) ? 0 : 1,
      chunks: index.contents.length,
      bytesRead,
      findings: damage.findings,
    }
  })

const pathsByContent = ({ files }: Index): ReadonlyMap<StoredContent, ReadonlyArray<string>> => {
  const paths = new Map<StoredContent, Array<string>>()
  for (const { content, path } of files) {
    const before = paths.get(content)
    if (before === undefined) paths.set(content, [path])
    else before.push(path)
  }
  return paths
}

/** Contents that begin before another one ends. */
const overlapping = (contents: ReadonlyArray<StoredContent>): ReadonlyArray<StoredContent> => {
  let end = 0
  return contents.toSorted((a, b) => a.offset - b.offset).filter(({ length, offset }) => {
    const overlaps = offset < end
    end = Math.max(end, offset + length)
    return overlaps
  })
}
