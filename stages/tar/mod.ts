/**
 * Tar archives: from a stream of entries to bytes, and back.
 *
 * Why there is a codec here: `effect/encoding/Tar` and `modern-tar` 0.8.6 write whole seconds and read milliseconds.
 * Neither keeps names that are not UTF-8, and neither reads sparse files.
 */
export { TarError } from "./error.ts"
export { readTar, type ReadTarOptions, type TarArchive, tarInMemory } from "./read.ts"
export { tarFidelity, writeTar, type WriteTarOptions } from "./write.ts"
