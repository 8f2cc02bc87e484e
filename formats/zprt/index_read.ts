/** Reads and decodes the index of an archive. SPEC.md, "The index". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { AGE_HEADER_MAXIMUM, headerLength, isAge } from "../../stages/encrypt/age_header.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { type Archive, HEAD_BYTES, snapshotId } from "./archive.ts"
import { startDecoder } from "./content.ts"
import { asCorrupt, corrupt } from "./errors.ts"
import { decodeIndex, IndexError } from "./index.ts"
import { layoutOf } from "./index_mark.ts"
import { ARCHIVE, type IndexPlace, readArchive } from "./layout.ts"
import { isIndexTooLong, plainIndexLimit } from "./limits.ts"
import type { Opened } from "./opened.ts"

/** Bytes of an index that are read with one request. */
const READ_BYTES = 1 << 20

/** An index that was read, with what follows from it. */
export type ReadIndex = Omit<Archive, "fingerprint">

/** Whether no key at hand opens the index. */
export const isWrongKey = ({ reason }: FormatError): boolean => reason === "wrong-key"

/** Reads the index at a place; reads it twice before it calls it damaged. Fails with `corrupt` or `wrong-key`. */
export const readIndex: (opened: Opened, place: IndexPlace) => Effect.Effect<ReadIndex, FormatError> = Effect
  .fnUntraced(
    function* (opened: Opened, { length, start, trailer }: IndexPlace) {
      const { cipher, hasher, indexZstd, keyring, store } = opened
      const { location } = store.properties
      const broken = (how: string): RepositoryError => corrupt(location, `has a damaged index: ${how}`)
      if (isIndexTooLong(length)) return yield* broken(`it has ${length} bytes`)
      let stored = yield* readArchive(store, start, Math.min(length, HEAD_BYTES))
      if (!isAge(stored)) return yield* broken("no age file is where it should be")
      let end = headerLength(stored)
      if (end === undefined && length > HEAD_BYTES) {
        stored = yield* readArchive(store, start, Math.min(length, AGE_HEADER_MAXIMUM))
        end = headerLength(stored)
      }
      if (end === undefined) return yield* broken("its header has no end")
      const header = yield* keyring.keys.open(stored.subarray(0, end)).pipe(
        Effect.catchTag("KernelError", (error) => Effect.fail(broken(error.message))),
      )
      if (header === undefined) {
        return yield* new RepositoryError({
          reason: "wrong-key",
          object: ARCHIVE,
          message: `No identity or password given opens the archive ${location}`,
        })
      }
      const decoder = startDecoder({ cipher, zstd: indexZstd }, header.fileKey, plainIndexLimit(length))
      const plain: Array<Uint8Array> = []
      let last: Uint8Array = new Uint8Array(0)
      const take = (frames: () => ReadonlyArray<Uint8Array>) =>
        Effect.mapError(
          catching(KernelError, () => {
            for (const frame of frames()) {
              plain.push(...decoder.frames.push(frame))
              last = frame
            }
          }),
          ({ message }) => broken(message),
        )
      // In pieces: each is authenticated before the next is read.
      yield* take(() => decoder.payload.push(stored.subarray(end)))
      for (let at = stored.length; at < length;) {
        const bytes = yield* readArchive(store, start + at, Math.min(READ_BYTES, length - at))
        at += bytes.length
        yield* take(() => decoder.payload.push(bytes))
      }
      yield* take(() => decoder.payload.end())
      const { index, layout } = yield* Effect.try({
        try: () => {
          plain.push(...decoder.frames.end())
          return decodeIndex(concat(plain), start)
        },
        catch: (error) => {
          if (error instanceof KernelError) return broken(error.message)
          if (error instanceof IndexError) return corrupt(location, `has an index that ${error.message}`)
          throw error
        },
      })
      return { index, variant: { layout: layoutOf(index, layout, last), trailer }, id: snapshotId(hasher, index) }
    },
    (read, { store }) => Effect.mapError(readTwice(ARCHIVE, read, isWrongKey), asCorrupt(store.properties.location)),
  )
