/** Objects as files beneath a directory of the real file system, on Node, Deno and Bun. */
import { lstat, rm, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { makeDirectories, makeRoot, parentOf, syncDirectory } from "./directories.ts"
import { codeOf, fileError } from "./file_error.ts"
import { fileWrites, type Operate, runFiles } from "./file_operations.ts"
import { directoryError, nameError } from "../../../stages/store/name.ts"
import { listFiles, readFile, statFile } from "./read_file.ts"
import { openTemporary, removeStale } from "./temporary.ts"

/** How to open a directory as a store. */
export interface LocalStoreOptions {
  /** Make the directory, and what is missing above it, when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
}

/** What it guarantees, wherever it is. */
export const localGuarantees: StoreGuarantees = { connections: 4, atomicCreate: true, durable: true, appends: true }

const store = (root: string): ObjectStore => {
  const directories = makeDirectories(root)
  const operate: Operate = (doing, name, work) =>
    Effect.suspend(() => {
      const error = nameError(name)
      return error ? Effect.fail(error) : runFiles((cause) => fileError(doing, name, root, cause), work)
    })

  return {
    properties: { ...localGuarantees, location: root },
    ...fileWrites(operate, () => openTemporary(root, directories)),
    get: (name, part) => operate("read", name, () => readFile(root, name, part)),
    stat: (name) => operate("read", name, () => statFile(root, name)),
    list: (directory) =>
      Stream.suspend(() => {
        const error = directoryError(directory)
        return error
          ? Stream.fail(error)
          : Stream.fromAsyncIterable(listFiles(root, directory), (cause) => fileError("list", directory, root, cause))
            .pipe(Stream.flattenIterable)
      }),
    remove: (name) =>
      operate("remove", name, async () => {
        if (await isFile(join(root, name))) {
          await rm(join(root, name), { force: true })
          await syncDirectory(join(root, parentOf(name)))
        }
      }),
  }
}

const isFile = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isFile()
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return false
    throw cause
  }
}

const openRoot = async (root: string, create: boolean, now: number): Promise<ObjectStore> => {
  if (create) await makeRoot(root)
  if (!(await stat(root)).isDirectory()) {
    throw new StoreError({ reason: "io", object: "", message: `Cannot open ${root} as a store: it is not a directory` })
  }
  await removeStale(root, now)
  return store(root)
}

const openError = (root: string) => (cause: unknown): StoreError => {
  switch (codeOf(cause)) {
    case "ENOENT":
      return new StoreError({ reason: "not-found", object: "", message: `There is no directory ${root}`, cause })
    case "EEXIST":
    case "ENOTDIR":
      return new StoreError({
        reason: "io",
        object: "",
        message: `Cannot open ${root} as a store: it is not a directory`,
        cause,
      })
    default:
      return fileError("open", "", root, cause)
  }
}

const make = (directory: string, options?: LocalStoreOptions): Effect.Effect<ObjectStore, StoreError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const root = resolve(directory)
    return runFiles(openError(root), () => openRoot(root, options?.create ?? false, now))
  })

/**
 * A store in a directory.
 *
 * - A write goes to a new file in `tmp/` of the store, is synced to the disk, then gets its name by a hard link
 *   (create-only) or a rename (replace), and the directory is synced. So an object is there whole or not at all, also
 *   after a crash. Without hard links see `publish.ts`.
 * - A failed or interrupted operation removes its temporary file. A killed program leaves it: opening the store removes
 *   temporary files that were last written more than 24 hours ago.
 * - Files have mode 0600, directories 0700, less the umask. Directories are made when the first object in them is, and
 *   stay.
 * - Symbolic links are no objects; `tmp`, and what is not named like an object, is not listed.
 * - Removals are synced too.
 */
export const localStore: {
  /** Opens a directory. Fails with `not-found` when it is not there and `create` is not given, `denied`, or `io`. */
  readonly make: (directory: string, options?: LocalStoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (directory: string, options?: LocalStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (directory, options) => Layer.effect(ObjectStore, make(directory, options)),
}
