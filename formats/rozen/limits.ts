/**
 * How large each kind of object can be, in stored bytes. Objects are read whole before they can be authenticated, so
 * whoever can write to the store can put anything there: more than this is never read, and never written. SPEC.md,
 * "Limits". Data packs and catalog packs are not here: they are read in parts whose places an authenticated footer
 * tells.
 */
import { FOOTER_BYTES, INDEX_BYTES } from "../../stages/pack/pack_layout.ts"

/** `ROZEN.json` has 134 bytes; a later version may have more members. */
export const CONFIG_BYTES: number = 4 << 10
/** A password slot has some 500 bytes, one for a public key a few thousand: room for 16 of these. */
export const KEY_BYTES: number = 64 << 10
/** Slots in a key object. */
export const KEY_SLOTS = 16
/** Key objects in a repository. */
export const KEY_OBJECTS = 64
/**
 * What a password is tried against costs at most so much in all: 128·n·r·p of scrypt, summed. It is some two minutes,
 * 340 slots of the cost that writers use, or two of the largest that there may be.
 */
export const KEY_WORK: number = 2 ** 35

/**
 * An `.idx` names the chunks of a catalog, 36 bytes for 64 KiB of it: enough for one of 28 GiB, of a hundred million
 * entries.
 */
export const SNAPSHOT_BYTES: number = 16 << 20
/** A segment of a log is closed at 4 MiB, and no record in it is longer: chunk lists are divided. */
export const SEGMENT_LIMIT: number = 8 << 20

export { FOOTER_BYTES, INDEX_BYTES }
