/** The directories of a store that keeps objects as files. Each is made once, when it is first needed. */

/** The directory part of an object's name, `""` for the root. */
export const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf("/")))

/**
 * Makes the directory durably (relative to the root, with `/` between components, `""` for the root itself), then runs
 * `use`. If `use` fails because the directory was removed meanwhile, makes it again and runs `use` once more.
 * `context` is passed to the function that makes directories.
 */
export type WithinDirectory<Context> = <A>(
  context: Context,
  directory: string,
  use: () => Promise<A>,
) => Promise<A>

/**
 * Remembers the directories that it has made or seen. `make` makes one durably, in a parent that exists, and accepts
 * one that exists already. `isMissing` tells the error of an operation in a directory that does not exist.
 */
export const knownDirectories = <Context>(
  make: (context: Context, directory: string) => Promise<void>,
  isMissing: (cause: unknown) => boolean,
): WithinDirectory<Context> => {
  const known = new Map<string, Promise<void>>()
  const ensure = (context: Context, directory: string): Promise<void> => {
    if (directory === "") return Promise.resolve()
    const before = known.get(directory)
    if (before) return before
    const made = ensure(context, parentOf(directory)).then(() => make(context, directory))
    known.set(directory, made)
    made.catch(() => known.delete(directory))
    return made
  }
  return async (context, directory, use) => {
    await ensure(context, directory)
    try {
      return await use()
    } catch (cause) {
      if (!isMissing(cause)) throw cause
      known.clear()
      await ensure(context, directory)
      return await use()
    }
  }
}
