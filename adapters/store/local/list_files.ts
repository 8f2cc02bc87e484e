/** Lists objects that are files. */
import type { Dir } from "node:fs"
import { lstat, opendir } from "node:fs/promises"
import { join } from "node:path"
import { nameError } from "../../../stages/store/name.ts"
import type { ObjectInfo } from "../../../stages/store/store.ts"
import { codeOf } from "./file_error.ts"

/** Names that are looked at between two results. */
const LIST_BATCH = 256

/**
 * The objects beneath a directory (`DATA/`, or `""` for all), some hundred at a time. One directory is open at a time.
 * Leaves out temporary files, files that are not regular, names that no object has, and files that vanish meanwhile.
 */
export async function* listFiles(root: string, directory: string): AsyncGenerator<ReadonlyArray<ObjectInfo>, void> {
  const pending = [directory]
  const sizeOf = async (name: string): Promise<ObjectInfo | undefined> => {
    try {
      const info = await lstat(join(root, name))
      if (info.isDirectory()) pending.push(`${name}/`)
      return info.isFile() ? { name, size: info.size } : undefined
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return undefined
      throw cause
    }
  }
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const opened = await openDirectory(join(root, at), at === "")
    if (opened === undefined) continue
    try {
      for (let more = true; more;) {
        const names: Array<string> = []
        while (more && names.length < LIST_BATCH) {
          const entry = await opened.read()
          if (entry === null) more = false
          else if (nameError(at + entry.name) === undefined) names.push(at + entry.name)
        }
        const found = (await Promise.all(names.map(sizeOf))).filter((info) => info !== undefined)
        if (found.length > 0) yield found
      }
    } finally {
      await opened.close()
    }
  }
}

/** Undefined if there is no such directory. A missing root is an error. */
const openDirectory = async (path: string, isRoot: boolean): Promise<Dir | undefined> => {
  try {
    return await opendir(path, { bufferSize: LIST_BATCH })
  } catch (cause) {
    const code = codeOf(cause)
    if (!isRoot && (code === "ENOENT" || code === "ENOTDIR")) return undefined
    throw cause
  }
}
