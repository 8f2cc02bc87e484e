/**
 * The most stored bytes that each kind of object can have. Such objects have to be read whole before they can be
 * authenticated, and anybody who can write to the store can put anything there. So no more than this is ever read, or
 * written. Packs are not listed: they are read in parts, which an authenticated footer lists. SPEC.md, "Limits".
 */
import { FOOTER_BYTES, INDEX_BYTES } from "../../stages/pack/pack_layout.ts"

/** `ROZEN.json` has 272 bytes. A later version may have more members. */
export const CONFIG_BYTES: number = 4 << 10
/** A lock has less than 1000 bytes, one for a post-quantum age recipient some 6000. */
export const LOCK_BYTES: number = 64 << 10
/** An epoch record has some 2500 bytes. */
export const EPOCH_BYTES: number = 4 << 10
/** A grant has some 5000 bytes, and up to 192 more for each epoch after the first. */
export const GRANT_BYTES: number = 64 << 10
/** An end record lists snapshots, 67 bytes each: this is enough for 15,000. */
export const END_BYTES: number = 1 << 20
/** The age header of a lock. It has one stanza: one for a post-quantum recipient has some 1600 bytes. */
export const AGE_HEADER_BYTES: number = 4 << 10
/** Characters (UTF-16 units) in the name of a new key, and in who made it. */
export const KEY_TEXT = 1024
/** Keys of a repository that have not ended. */
export const KEYS = 64
/** Locks: a key has a second one while its password is changed. */
export const LOCK_OBJECTS: number = 2 * KEYS
/** Grants: a rotation makes new ones before it removes the old, and may be stopped in between, several times. */
export const GRANT_OBJECTS: number = 16 * KEYS
/** Epochs: a paper key counts them with one byte. */
export const EPOCHS = 255
/** Keys that have ended. A rotation writes their records again. */
export const END_OBJECTS = 512
/**
 * The most that all locks together may cost that a password is tried against: the sum of 128·n·r·p of scrypt. It
 * takes about two minutes. That is more than 64 locks of the cost that writers use, or two of the highest cost.
 */
export const KEY_WORK: number = 2 ** 35

/** The header of a pack or an index, with its ID. The longest has 1,220 bytes. */
export const HEADER_BYTES: number = 4 << 10

/**
 * An `.idx` lists the chunks of a catalog, 36 bytes for each 64 KiB. This is enough for a catalog of 28 GiB, with a
 * hundred million entries.
 */
export const SNAPSHOT_BYTES: number = 16 << 20
/** A segment of a log is closed at 4 MiB, and no record is longer, because long chunk lists are divided. */
export const SEGMENT_LIMIT: number = 8 << 20

/** Snapshots that one record of forgotten ones names at most: 67 bytes each. There may be any number of records. */
export const FORGOTTEN_IDS = 10_000
/** A record of forgotten snapshots. */
export const FORGOTTEN_BYTES: number = 1 << 20

export { FOOTER_BYTES, INDEX_BYTES }
