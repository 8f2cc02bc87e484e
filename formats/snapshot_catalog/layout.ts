/** Names of objects. SPEC.md, "Objects". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import type { ObjectNames } from "../../stages/pack/objects.ts"

/** The best-effort index of all catalogs. */
export const INDEX = "catalog.idx"

/** Names by ID: `<directory>/aa/bb/<the other digits>`, for IDs of `bytes` bytes. */
const names = (directory: string, bytes: number): ObjectNames => {
  const pattern = new RegExp(`^${directory}([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{${2 * bytes - 4}})$`)
  return {
    directory,
    nameOf: (id) => {
      const hex = bytesToHex(id)
      return `${directory}${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex.slice(4)}`
    },
    idOf: (name) => {
      const found = pattern.exec(name)
      return found === null ? undefined : hexToBytes(found[1]! + found[2]! + found[3]!)
    },
  }
}

/** The data, by the BLAKE3 of an extent. */
export const extents: ObjectNames = names("extents/", 32)
/** Maps of blobs, by the BLAKE3 of a blob. */
export const blobs: ObjectNames = names("blobs/", 32)
/** Catalogs, by their UUID. */
export const catalogs: ObjectNames = names("catalogs/", 16)

/** The name of the catalog with a UUID in hex. */
export const catalogName = (id: string): string => catalogs.nameOf(hexToBytes(id))

const FLAT = /^catalogs\/([0-9a-f]{32})$/

/** The name that it has where a server lays catalogs flat. */
export const flatCatalogName = (id: string): string => `${catalogs.directory}${id}`

/** Whether a catalog of this name is one that lies flat. */
export const isFlat = (name: string): boolean => FLAT.test(name)

/** The UUID in hex of a catalog's name, of either form; undefined for other names. */
export const catalogId = (name: string): string | undefined => {
  const id = catalogs.idOf(name)
  return id === undefined ? FLAT.exec(name)?.[1] : bytesToHex(id)
}

/** Whether a text is a UUID as catalogs have it. */
export const isCatalogId = (id: string): boolean => /^[0-9a-f]{32}$/.test(id)
