/** Objects as files beneath a directory of the file system, on Node, Deno and Bun. */
import { lstat, stat, unlink } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { ObjectStore, StoreError, type StoreGuarantees } from "../../../stages/store/store.ts"
import { makeAll, makeDirectories, makeRoot, syncDirectory } from "./directories.ts"
import { parentOf } from "./known_directories.ts"
import { codeOf, fileError } from "./file_error.ts"
import { fileWrites, type Operate, runFiles } from "./file_operations.ts"
import { withDirectories, withDirectory, withName } from "../../../stages/store/with_name.ts"
import { listFiles } from "./list_files.ts"
import { readFile, statFile } from "./read_file.ts"
import { openTemporary, removeStale } from "./temporary.ts"

/** How to open a directory as a store. */
export interface LocalStoreOptions {
  /** Make the directory, and missing ones above it, if it does not exist. Otherwise that is an error. */
  readonly create?: boolean
}

/** The properties of every such store. */
export const localGuarantees: StoreGuarantees = { connections: 4, atomicCreate: true, durable: true, appends: true }

const makeStore = (root: string): ObjectStore => {
  const directories = makeDirectories(root)
  const operate: Operate = (doing, name, work) =>
    withName(name, () => runFiles((cause) => fileError({ doing, name, location: root }, cause), work))

  return {
    properties: { ...localGuarantees, location: root },
    ...fileWrites(operate, () => openTemporary(root, directories)),
    get: (name, part) => operate("read", name, () => readFile(root, name, part)),
    stat: (name) => operate("read", name, () => statFile(root, name)),
    list: (directory) =>
      withDirectory(directory, () =>
        Stream.fromAsyncIterable(
          listFiles(root, directory),
          (cause) => fileError({ doing: "list", name: directory, location: root }, cause),
        ).pipe(Stream.flattenIterable)),
    remove: (name) =>
      operate("remove", name, async () => {
        if (await isFile(join(root, name))) {
          // Not `rm`: where unlink is not permitted, it tries rmdir, and gives the error of that.
          await unlink(join(root, name)).catch(unlessMissing)
          await syncDirectory(join(root, parentOf(name)))
        }
      }),
    makeDirectories: (names) =>
      withDirectories(names, () =>
        runFiles(
          (cause) => fileError({ doing: "make directories in", name: "", location: root }, cause),
          () => makeAll(root, names.map((name) => name.slice(0, -1))),
        )),
  }
}

/** Another process may have removed it first. */
const unlessMissing = (cause: unknown): void => {
  if (codeOf(cause) !== "ENOENT") throw cause
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
  return makeStore(root)
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
      return fileError({ doing: "open", name: "", location: root }, cause)
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
 * - A write goes to a new file in `tmp/` of the store and is synced to the disk. The file then gets its name by a hard
 *   link (create-only) or a rename (replace), and the directory is synced. So readers see the whole object or nothing,
 *   also after a crash. `publish.ts` describes file systems without hard links.
 * - A failed or interrupted operation removes its temporary file. A killed program leaves it. Opening the store removes
 *   temporary files that were last written more than 24 hours ago.
 * - Files have mode 0600 and directories 0700, less the umask. A directory is made with the first object in it, and
 *   stays.
 * - Symbolic links are not objects. `tmp`, and files whose names no object has, are not listed.
 * - Removals are synced too.
 *
 * @example Keep objects in a directory
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import { localStore } from "@penstock/penstock/adapters"
 *
 * const directory = mkdtempSync(join(tmpdir(), "penstock-"))
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = yield* localStore.make(join(directory, "backup"), { create: true })
 *   yield* store.put("DATA/a", [Uint8Array.of(1, 2, 3)])
 *   assert.deepEqual([...(yield* store.get("DATA/a", { offset: 1, length: 2 }))], [2, 3])
 * }))
 * rmSync(directory, { recursive: true })
 * ```
 */
export const localStore: {
  /** Opens a directory. Fails with `not-found` if it does not exist and `create` is not set, `denied`, or `io`. */
  readonly make: (directory: string, options?: LocalStoreOptions) => Effect.Effect<ObjectStore, StoreError>
  /** The same as a layer. */
  readonly layer: (directory: string, options?: LocalStoreOptions) => Layer.Layer<ObjectStore, StoreError>
} = {
  make,
  layer: (directory, options) => Layer.effect(ObjectStore, make(directory, options)),
}
