/**
 * Tar archives: a stream of entries to bytes, and back.
 *
 * The codec is one of our own: of the libraries looked at, `effect/encoding/Tar` and `modern-tar` 0.8.6, both write
 * whole seconds and read milliseconds, and neither keeps names that are not UTF-8 or reads sparse files.
 */
export { TarError } from "./error.ts"
export { readTar, type ReadTarOptions, type TarArchive, tarInMemory } from "./read.ts"
export { tarFidelity, writeTar, type WriteTarOptions } from "./write.ts"
