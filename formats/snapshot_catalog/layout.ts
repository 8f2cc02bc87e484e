/** The names of objects in the store. SPEC.md, "Objects". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import type { ObjectNames } from "../../stages/pack/objects.ts"

/** The index of all catalogs, which may be out of date. */
export const INDEX = "catalog.idx"

/** Names by ID: `<directory>aa/bb/<the other digits>`, for IDs of `bytes` bytes. */
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

/** Extents, by their BLAKE3. */
export const extents: ObjectNames = names("extents/", 32)
/** Maps of blobs, by the BLAKE3 of the blob. */
export const blobs: ObjectNames = names("blobs/", 32)
/** Catalogs, by their UUID. */
export const catalogs: ObjectNames = names("catalogs/", 16)

/** The name of the catalog with a UUID in hex. */
export const catalogName = (id: string): string => catalogs.nameOf(hexToBytes(id))

const FLAT = /^catalogs\/([0-9a-f]{32})$/

/** The name of the same catalog where a server keeps catalogs without directories. */
export const flatCatalogName = (id: string): string => `${catalogs.directory}${id}`

/** Whether the name of a catalog is a flat one. */
export const isFlat = (name: string): boolean => FLAT.test(name)

/** The UUID in hex from the name of a catalog, nested or flat; undefined for other names. */
export const catalogId = (name: string): string | undefined => {
  const id = catalogs.idOf(name)
  return id === undefined ? FLAT.exec(name)?.[1] : bytesToHex(id)
}

/** Whether a text is a UUID in hex, as names of catalogs have it. */
export const isCatalogId = (id: string): boolean => /^[0-9a-f]{32}$/.test(id)
