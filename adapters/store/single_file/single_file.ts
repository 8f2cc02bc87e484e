/** A store whose only object is one file, for formats that are a single archive. */
import { lstat, open, realpath, rename, rm } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { notFound } from "../../../stages/store/errors.ts"
import { absent } from "../../../stages/store/absent.ts"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { makeRoot, syncDirectory } from "../local/directories.ts"
import { codeOf, fileError } from "../local/file_error.ts"
import { fileWrites, type Operate, runFiles } from "../local/file_operations.ts"
import { nameError } from "../../../stages/store/name.ts"
import { withDirectory, withName } from "../../../stages/store/with_name.ts"
import { publishNew } from "../local/publish.ts"
import { readFileAt } from "../local/read_file.ts"
import { removeStaleIn, type Temporary, temporaryFile } from "../local/temporary.ts"

/** How to open a file as a store. */
export interface SingleFileStoreOptions {
  /** Make missing directories; the file need not exist. Otherwise a missing file is an error. */
  readonly create?: boolean
}

/** The properties of every such store. */
export const singleFileGuarantees: StoreGuarantees = { connections: 4, atomicCreate: true, durable: true }

/** Temporary names are `.<name of the file>.<UUID>.part`, beside the file. */
const temporaryPrefix = (file: string): string => `.${basename(file)}.`
const SUFFIX = ".part"
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const openTemporary = async (file: string): Promise<Temporary> => {
  const directory = dirname(file)
  const path = join(directory, `${temporaryPrefix(file)}${crypto.randomUUID()}${SUFFIX}`)
  return temporaryFile(path, await open(path, "wx", 0o600), async (_name, replace) => {
    await (replace ? rename(path, file) : publishNew(path, file))
    await syncDirectory(directory)
  })
}

const makeStore = (file: string, only: string): ObjectStore => {
  const operate: Operate = (doing, name, work) =>
    withName(name, () => {
      const error = otherName(doing, name)
      if (error !== undefined) return Effect.fail(error)
      return runFiles((cause) => fileError({ doing, name, location: file }, cause), work)
    })
  /** Any other object does not exist, and cannot be written. */
  const otherName = (doing: string, name: string): StoreError | undefined => {
    if (name === only) return undefined
    if (doing !== "write") return notFound(name, file)
    const message = `Cannot write "${name}": ${file} is a single file, which holds "${only}" and nothing else`
    return new StoreError({ reason: "invalid", object: name, message })
  }
  const stat = operate("read", only, async () => {
    const info = await lstat(file)
    if (!info.isFile()) throw notFound(only, file)
    return { name: only, size: info.size }
  })
  return {
    properties: { ...singleFileGuarantees, location: file },
    ...fileWrites(operate, () => openTemporary(file)),
    get: (name, part) => operate("read", name, () => readFileAt(file, file, name, part)),
    stat: (name) => name === only ? stat : operate("read", name, () => Promise.reject(notFound(name, file))),
    list: (directory) =>
      withDirectory(
        directory,
        () =>
          only.startsWith(directory)
            ? Stream.filter(Stream.fromEffect(absent(stat)), (info) => info !== undefined)
            : Stream.empty,
      ),
    remove: (name) =>
      Effect.asVoid(absent(operate("remove", name, async () => {
        await rm(file, { force: true })
        await syncDirectory(dirname(file))
      }))),
  }
}

const openFile = async (path: string, only: string, create: boolean, now: number): Promise<ObjectStore> => {
  if (create) await makeRoot(dirname(path))
  const file = await locate(path, create)
  const prefix = temporaryPrefix(file)
  await removeStaleIn(
    dirname(file),
    now,
    (name) => name.startsWith(prefix) && name.endsWith(SUFFIX) && UUID.test(name.slice(prefix.length, -SUFFIX.length)),
  )
  return makeStore(file, only)
}

/** The path of the file, with links followed: a new version replaces the file, not a link to it. */
const locate = async (path: string, create: boolean): Promise<string> => {
  try {
    const file = await realpath(path)
    if ((await lstat(file)).isFile()) return file
  } catch (cause) {
    if (!create || codeOf(cause) !== "ENOENT") throw cause
    return join(await realpath(dirname(path)), basename(path))
  }
  throw new StoreError({
    reason: "io",
    object: "",
    message: `Cannot open ${path} as a store: it is not a regular file`,
  })
}

const openError = (path: string) => (cause: unknown): StoreError =>
  codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR"
    ? new StoreError({ reason: "not-found", object: "", message: `There is no file ${path}`, cause })
    : fileError({ doing: "open", name: "", location: path }, cause)

const make = (
  path: string,
  objectName: string,
  options?: SingleFileStoreOptions,
): Effect.Effect<ObjectStore, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const file = resolve(path)
    const error = nameError(objectName)
    if (error) return Effect.fail(error)
    return runFiles(openError(file), () => openFile(file, objectName, options?.create ?? false, now))
  })

/**
 * A store whose only object is the file at a path. The caller chooses the name of the object.
 *
 * - A write goes to a new file beside it, `.<file>.<UUID>.part` of mode 0600, and is synced. That file then gets the
 *   name of the file by a hard link (create-only) or a rename (replace), and the directory is synced. So readers see
 *   the whole file or nothing, also after a crash. Opening removes such files that a killed program left more than 24
 *   hours ago.
 * - If the path is a symbolic link, the file that it points to is the object.
 * - Any other object does not exist, and writing one fails with `invalid`.
 *
 * @example Write an archive that is one file
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, readFileSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import { singleFileStore } from "@penstock/penstock/adapters"
 *
 * const directory = mkdtempSync(join(tmpdir(), "penstock-"))
 * const file = join(directory, "home.zprt")
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = yield* singleFileStore.make(file, "archive.zprt", { create: true })
 *   yield* store.put("archive.zprt", [Uint8Array.of(1, 2, 3)])
 * }))
 * assert.deepEqual([...readFileSync(file)], [1, 2, 3])
 * rmSync(directory, { recursive: true })
 * ```
 */
export const singleFileStore: {
  /**
   * Opens a file. Fails with `not-found` if it does not exist and `create` is not set, `denied`, or `io` (for example
   * for a directory).
   */
  readonly make: (
    path: string,
    objectName: string,
    options?: SingleFileStoreOptions,
  ) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (
    path: string,
    objectName: string,
    options?: SingleFileStoreOptions,
  ) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (path, objectName, options) => Layer.effect(ObjectStore, make(path, objectName, options)),
}
