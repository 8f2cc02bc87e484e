/**
 * The most stored bytes that each kind of object can have. Such objects have to be read whole before they can be
 * authenticated, and anybody who can write to the store can put anything there. So no more than this is ever read, or
 * written. Packs are not listed: they are read in parts, which an authenticated footer lists. SPEC.md, "Limits".
 */
import { FOOTER_BYTES, INDEX_BYTES } from "../../stages/pack/pack_layout.ts"

/** `ROZEN.json` has 134 bytes. A later version may have more members. */
export const CONFIG_BYTES: number = 4 << 10
/** A slot for a password has about 500 bytes, one for a public key a few thousand. There is room for 16 of these. */
export const KEY_BYTES: number = 64 << 10
/** Slots in a key object. */
export const KEY_SLOTS = 16
/** Key objects in a repository. */
export const KEY_OBJECTS = 64
/**
 * The most that all slots together may cost that a password is tried against: the sum of 128·n·r·p of scrypt. It takes
 * about two minutes, for 340 slots of the cost that writers use, or two of the highest cost that is allowed.
 */
export const KEY_WORK: number = 2 ** 35

/**
 * An `.idx` lists the chunks of a catalog, 36 bytes for each 64 KiB. This is enough for a catalog of 28 GiB, with a
 * hundred million entries.
 */
export const SNAPSHOT_BYTES: number = 16 << 20
/** A segment of a log is closed at 4 MiB, and no record is longer, because long chunk lists are divided. */
export const SEGMENT_LIMIT: number = 8 << 20

export { FOOTER_BYTES, INDEX_BYTES }
