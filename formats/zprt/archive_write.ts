/** Writes an archive from its start to its end. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../stages/store/store.ts"
import { ARCHIVE, MAGIC } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Small pieces are gathered until they have this many bytes. */
const GATHER_BYTES = 1 << 20

/** An archive that is being written. Calls must not overlap. */
export interface ArchiveWriter {
  /** How many bytes the archive has so far. */
  readonly position: () => number
  /** Appends bytes. They belong to the writer from then on. */
  readonly append: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StoreError>
  /** Puts the archive into its place, atomically. */
  readonly commit: Effect.Effect<void, StoreError>
}

/**
 * Starts an archive: the magic, and with `slot` the key slot if there is one. Nothing remains of the archive when the
 * scope closes before `commit`.
 */
export const startArchive: (
  opened: Opened,
  options: { readonly replace: boolean; readonly slot: boolean },
) => Effect.Effect<ArchiveWriter, StoreError, Scope.Scope> = Effect.fnUntraced(
  function* ({ keyring, store }: Opened, { replace, slot }: { readonly replace: boolean; readonly slot: boolean }) {
    const object = yield* store.create(ARCHIVE, { replace })
    let position = 0
    let held: Array<Uint8Array> = []
    let heldBytes = 0
    const flush = Effect.suspend(() => {
      const bytes = held.length === 1 ? held[0]! : concat(held)
      held = []
      heldBytes = 0
      return bytes.length === 0 ? Effect.void : object.append(bytes)
    })
    const writer: ArchiveWriter = {
      position: () => position,
      append: (parts) =>
        Effect.suspend(() => {
          for (const part of parts) {
            held.push(part)
            heldBytes += part.length
            position += part.length
          }
          return heldBytes >= GATHER_BYTES ? flush : Effect.void
        }),
      commit: Effect.andThen(flush, object.commit),
    }
    yield* writer.append([MAGIC])
    if (slot && keyring.slot !== undefined) yield* writer.append([keyring.slot])
    return writer
  },
)
