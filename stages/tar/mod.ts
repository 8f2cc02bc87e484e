/**
 * Tar archives: a stream of entries to bytes, and back.
 *
 * The codec is one of our own: the libraries there are (`effect/encoding/Tar`, `modern-tar`) lose times beneath a second or millisecond, names that are
 * not UTF-8, and holes.
 */
export { TarError } from "./error.ts"
export { readTar, type ReadTarOptions, type TarArchive, tarInMemory } from "./read.ts"
export { tarFidelity, writeTar, type WriteTarOptions } from "./write.ts"
