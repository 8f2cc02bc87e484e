/** `OBJECTS.txt`: the list of the objects of a read-only store, with a line `size name` for each. */
import { nameError, TEMPORARY } from "../../../stages/store/name.ts"
import type { ObjectInfo } from "../../../stages/store/store.ts"

/** Name of the manifest, at the top of the store. It is not an object of the repository. */
export const MANIFEST = "OBJECTS.txt"

/** A manifest is invalid; the message names the line. */
export class ManifestError extends Error {
  override readonly name = "ManifestError"
}

/**
 * Reads a manifest. A `./` before a name is removed. Empty lines, lines that begin with `#`, the manifest itself and
 * unfinished writes (`tmp/`) are skipped. Throws {@link ManifestError}.
 */
export const parseManifest = (text: string): ReadonlyArray<ObjectInfo> => {
  const objects: Array<ObjectInfo> = []
  const seen = new Set<string>()
  for (const [i, line] of text.split("\n").entries()) {
    const trimmed = line.trim()
    if (trimmed === "" || trimmed.startsWith("#")) continue
    const match = /^(\d{1,15})[ \t]+(?:\.\/)?(.+)$/.exec(trimmed)
    if (match === null) throw new ManifestError(`line ${i + 1} is not a size and a name`)
    const name = match[2]!
    if (name === MANIFEST || name.toLowerCase().startsWith(`${TEMPORARY}/`)) continue
    if (nameError(name) !== undefined) throw new ManifestError(`line ${i + 1} does not name an object`)
    if (seen.has(name)) throw new ManifestError(`line ${i + 1} repeats the name "${name}"`)
    seen.add(name)
    objects.push({ name, size: Number(match[1]) })
  }
  return objects
}
