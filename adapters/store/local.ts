/** Objects as files beneath a directory of the real file system, on Node, Deno and Bun. */
import { lstat, rm, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ObjectStore, type ObjectWriter, StoreError } from "../../stages/pack/store.ts"
import { makeDirectories, makeRoot, parentOf, syncDirectory } from "./directories.ts"
import { codeOf, fileError } from "./file_error.ts"
import { directoryError, nameError, writerError } from "./name.ts"
import { listFiles, readFile, statFile } from "./read_file.ts"
import { openTemporary, removeStale } from "./temporary.ts"

/** How to open a directory as a store. */
export interface LocalStoreOptions {
  /** Make the directory, and what is missing above it, when it is not there. Otherwise its absence is an error. */
  readonly create?: boolean
}

/** Effect of file operations. When it is interrupted, they are told to stop, and are over before the effect is. */
const run = <A>(
  fail: (cause: unknown) => StoreError,
  work: (stopped: () => boolean) => Promise<A>,
): Effect.Effect<A, StoreError> =>
  Effect.callback<A, StoreError>((resume) => {
    let stop = false
    const over = work(() => stop).then(
      (value) => resume(Effect.succeed(value)),
      (cause) => resume(Effect.fail(fail(cause))),
    )
    return Effect.promise(() => {
      stop = true
      return over
    })
  })

const store = (root: string): ObjectStore => {
  const directories = makeDirectories(root)
  const operate = <A>(doing: string, name: string, work: (stopped: () => boolean) => Promise<A>) =>
    Effect.suspend(() => {
      const error = nameError(name)
      return error ? Effect.fail(error) : run((cause) => fileError(doing, name, root, cause), work)
    })

  const create = Effect.fnUntraced(function* (
    name: string,
    options?: { readonly replace?: boolean },
  ): Effect.fn.Return<ObjectWriter, StoreError, Scope.Scope> {
    const temporary = yield* Effect.acquireRelease(
      operate("write", name, () => openTemporary(root, directories)),
      (temporary) => Effect.promise(temporary.discard),
    )
    let state: "whole" | "broken" | "finished" = "whole"
    const use = (work: (stopped: () => boolean) => Promise<void>) =>
      operate("write", name, async (stopped) => {
        if (state !== "whole") throw writerError(name, state)
        state = "broken"
        await work(stopped)
      })
    return {
      append: (bytes) =>
        use(async (stopped) => {
          await temporary.write([bytes], stopped)
          if (!stopped()) state = "whole"
        }),
      commit: use(async () => {
        await temporary.publish(name, options?.replace ?? false)
        state = "finished"
      }),
    }
  })

  return {
    properties: { location: root, connections: 4, atomicCreate: true },
    put: (name, parts, options) =>
      operate("write", name, async (stopped) => {
        const temporary = await openTemporary(root, directories)
        try {
          await temporary.write(parts, stopped)
          if (!stopped()) await temporary.publish(name, options?.replace ?? false)
        } finally {
          await temporary.discard()
        }
      }),
    create,
    get: (name, range) => operate("read", name, () => readFile(root, name, range)),
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
    throw new StoreError({ reason: "io", name: "", message: `Cannot open ${root} as a store: it is not a directory` })
  }
  await removeStale(root, now)
  return store(root)
}

const openError = (root: string) => (cause: unknown): StoreError => {
  switch (codeOf(cause)) {
    case "ENOENT":
      return new StoreError({ reason: "not-found", name: "", message: `There is no directory ${root}`, cause })
    case "EEXIST":
    case "ENOTDIR":
      return new StoreError({
        reason: "io",
        name: "",
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
    return run(openError(root), () => openRoot(root, options?.create ?? false, now))
  })

/**
 * A store in a directory.
 *
 * - A write goes to a new file in `tmp/` of the store, is synced to the disk, then gets its name by a hard link (create-only) or
 *   a rename (replace), and the directory is synced. So an object is there whole or not at all, also after a crash. Without
 *   hard links see `publish.ts`.
 * - A failed or interrupted operation removes its temporary file. A killed program leaves it: opening the store removes
 *   temporary files that were last written more than 24 hours ago.
 * - Files have mode 0600, directories 0700, less the umask. Directories are made when the first object in them is, and stay.
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
