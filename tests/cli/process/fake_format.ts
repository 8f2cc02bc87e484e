/**
 * A format for the tests of the command: snapshots as JSON objects in the store, the password as a hash. File names
 * steer it: `slow` never ends, `unreadable` is a problem, `damaged` cannot be restored, `defect` is a bug.
 */
import { createHash } from "node:crypto"
import { Effect, Redacted, Stream } from "effect"
import { wholeFidelity } from "../../../stages/walk/fidelity.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { BackupOptions, ReadOptions, Repository, SnapshotInfo } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import { type FormatError, RepositoryError } from "../../../formats/error.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { wholeRecord } from "../../../formats/record_fidelity.ts"
import type { Content, Entry } from "../../../stages/walk/entry.ts"

interface Stored {
  readonly info: SnapshotInfo
  readonly entries: ReadonlyArray<
    Omit<Entry, "content" | "metadata"> & { readonly mode?: number; readonly data?: string }
  >
}

const HEAD = "FAKE.json"
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))
const hash = (text: string): string => createHash("sha256").update(text).digest("hex")
const passwordHash = ({ password }: Secrets): string => password === undefined ? "none" : hash(Redacted.value(password))

const contentOf = (content: Content): Effect.Effect<Buffer, SourceError> => {
  if (content instanceof Uint8Array) return Effect.succeed(Buffer.from(content))
  if (!("open" in content)) return Effect.map(Stream.runCollect(content), (parts) => Buffer.concat(parts))
  return Effect.sync(() => {
    const reader = content.open()
    const parts: Array<Buffer> = []
    for (;;) {
      const part = Buffer.alloc(1 << 16)
      const length = reader.read(part)
      parts.push(part.subarray(0, length))
      if (length < part.length) break
    }
    reader.close()
    return Buffer.concat(parts)
  })
}

const repository = (store: ObjectStore): Repository => {
  const stored = Stream.runCollect(store.list("snapshots/")).pipe(
    Effect.flatMap((objects) =>
      Effect.forEach(
        objects,
        ({ name }) => Effect.map(store.get(name, { atMost: Infinity }), (b) => parse(b) as Stored),
      )
    ),
    Effect.map((all) => all.sort((a, b) => a.info.time - b.info.time)),
  )
  const backup = Effect.fnUntraced(function* <E, R>(
    entries: Stream.Stream<Entry, E, R>,
    options: BackupOptions,
  ): Effect.fn.Return<Effect.Success<ReturnType<Repository["backup"]>>, FormatError | E, R> {
    const problems: Array<{ path: string; message: string }> = []
    const kept: Array<Stored["entries"][number]> = []
    let bytes = 0
    for (const entry of yield* Stream.runCollect(entries)) {
      const name = entry.path.split("/").at(-1)
      if (name === "defect") return yield* Effect.die(new TypeError("a defect for the test"))
      if (name === "slow") {
        yield* store.put("BUSY", [new Uint8Array(1)]).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Effect.ignore(store.put("RELEASED", [new Uint8Array(1)]))),
        )
      }
      if (entry.kind === "unreadable" || name === "unreadable") {
        problems.push({ path: entry.path, message: entry.problem ?? "Permission denied" })
        continue
      }
      const { content, metadata, ...rest } = entry
      const data = content === undefined ? undefined : yield* contentOf(content).pipe(
        Effect.catch(({ message }) => Effect.succeed(message)),
      )
      if (typeof data === "string") {
        problems.push({ path: entry.path, message: data })
        continue
      }
      bytes += data?.length ?? 0
      kept.push({
        ...rest,
        size: data?.length ?? entry.size,
        ...(metadata.mode === undefined ? {} : { mode: metadata.mode }),
        ...(data === undefined ? {} : { data: data.toString("base64") }),
      })
    }
    const files = kept.filter(({ kind }) => kind === "file").length
    const directories = kept.filter(({ kind }) => kind === "directory").length
    const info: SnapshotInfo = {
      id: hash(JSON.stringify([options, kept])),
      time: options.time ?? Date.now(),
      hostname: options.hostname ?? "",
      username: options.username ?? "",
      paths: options.paths,
      tags: options.tags ?? [],
      files,
      directories,
      bytes,
    }
    if (!options.dryRun) yield* store.put(`snapshots/${info.id}`, [bytesOf({ info, entries: kept })])
    return {
      ...(options.dryRun ? {} : { snapshot: info }),
      files,
      directories,
      others: kept.length - files - directories,
      bytes,
      filesUnchanged: 0,
      bytesAdded: bytes,
      bytesStored: bytes,
      chunksNew: files,
      chunksReused: 0,
      problems,
    }
  })
  const entries = (snapshot: SnapshotInfo, options?: ReadOptions): Stream.Stream<Entry, FormatError> =>
    Stream.fromIterableEffect(Effect.map(stored, (all) =>
      all.find(({ info }) => info.id === snapshot.id)!.entries
        .filter(({ path, kind }) => options?.include?.(path, kind) ?? true)
        .map(({ data, mode, ...rest }): Entry => ({
          ...rest,
          size: rest.size,
          metadata: mode === undefined ? {} : { mode },
          ...(rest.kind !== "file" || options?.content === false ? {} : {
            content: rest.path.endsWith("damaged")
              ? Stream.fail(
                new SourceError({ reason: "damaged", path: rest.path, message: "Its block is damaged" }),
              )
              : new Uint8Array(Buffer.from(data ?? "", "base64")),
          }),
        }))))
  return {
    format: "rozen",
    id: "fa4e",
    backup: backup as Repository["backup"],
    snapshots: Effect.map(stored, (all) => all.map(({ info }) => info)),
    entries,
    check: ({ readData }) =>
      Effect.map(stored, (all) => ({
        snapshots: all.length,
        packs: 1,
        chunks: 2,
        bytesRead: typeof readData === "number" ? readData : 0,
        findings: all.flatMap(({ info, entries }) => {
          const files = entries.filter(({ path }) => path.endsWith("damaged")).map(({ path }) => ({
            snapshot: info.id,
            path,
          }))
          return files.length === 0 ? [] : [{ object: "DATA/00/11", message: "Its block 3 is damaged", files }]
        }),
      })),
    rebuild: Effect.map(
      stored,
      (all) => ({ snapshots: all.map(({ info }) => info), packsIndexed: 1, findings: [] }),
    ),
  }
}

/** The format, to stand in for the default one. */
export const fake: Format = {
  name: "rozen",
  fidelity: wholeFidelity,
  record: wholeRecord,
  recognise: Effect.flatMap(ObjectStore, (store) =>
    store.stat(HEAD).pipe(
      Effect.as(true),
      Effect.catch((error) => error.reason === "not-found" ? Effect.succeed(false) : Effect.fail(error)),
    )),
  create: Effect.fnUntraced(function* (secrets) {
    const store = yield* ObjectStore
    yield* store.put(HEAD, [bytesOf(passwordHash(secrets))])
    return repository(store)
  }),
  open: Effect.fnUntraced(function* (secrets) {
    const store = yield* ObjectStore
    if (parse(yield* store.get(HEAD, { atMost: Infinity })) === passwordHash(secrets)) return repository(store)
    return yield* new RepositoryError({ reason: "wrong-key", message: "The password does not open this repository" })
  }),
}
