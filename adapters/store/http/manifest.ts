/** `OBJECTS.txt`: what a read-only store has, a line `size name` for each object. */
import type { ObjectInfo } from "../../../stages/store/store.ts"
import { nameError, TEMPORARY } from "../../../stages/store/name.ts"

/** Its name, at the root of the store. It is no object of the repository. */
export const MANIFEST = "OBJECTS.txt"

/** A problem with a manifest: which line, and why. */
export class ManifestError extends Error {
  override readonly name = "ManifestError"
}

/**
 * Reads a manifest. `./` before a name is left out, as are empty lines, lines that begin with `#`, the manifest itself,
 * and unfinished writes (`tmp/`). Throws {@link ManifestError}.
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
    if (nameError(name) !== undefined) throw new ManifestError(`line ${i + 1} has no name of an object`)
    if (seen.has(name)) throw new ManifestError(`line ${i + 1} repeats the name "${name}"`)
    seen.add(name)
    objects.push({ name, size: Number(match[1]) })
  }
  return objects
}
