/**
 * Snapshots that were forgotten. A marker says so, under the key of the share, so that a root which the storage lost is
 * not taken for one that its owner forgot. The marker decides; that the pointer to the root is removed, too, only saves
 * reading the marker. SPEC.md, "Forgetting".
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import { fromJson } from "../json.ts"
import type { SnapshotInfo } from "../repository.ts"
import { decodeEnvelope, encodeEnvelope } from "./envelope.ts"
import { asDamage, corrupt, isDamage } from "./errors.ts"
import { stringifyExact } from "./json.ts"
import { isKind, makeNonce } from "./kinds.ts"
import { forgottenId, forgottenObject, rootObject, ROOTS, VERSION } from "./layout.ts"
import { MARKER_MAXIMUM } from "./limits.ts"
import type { Opened } from "./opened.ts"

const Marker = Schema.Struct({ root: Schema.String })

/** Forgets snapshots: stores the marker of each, then removes the pointer to its root. Blocks stay. */
export const forget: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotInfo>,
) => Effect.Effect<void, StoreError> = Effect.fnUntraced(function* ({ id: share, keys, store }, snapshots) {
  const now = yield* Clock.currentTimeMillis
  for (const { id } of snapshots) {
    const text = stringifyExact({ version: VERSION, root: id, date: BigInt(now) * 1_000_000n, share })
    const envelope = encodeEnvelope(keys, new TextEncoder().encode(text), { nonce: makeNonce(keys, "forgotten") })
    yield* store.put(forgottenObject(id), [envelope], { replace: true })
    yield* store.remove(rootObject(id))
  }
})

/** Fails with `corrupt` unless the marker of a root is genuine. */
const readMarker: (opened: Opened, id: string) => Effect.Effect<void, FormatError> = Effect.fnUntraced(
  function* ({ keys, store }, id) {
    const object = forgottenObject(id)
    const envelope = yield* store.get(object, { atMost: MARKER_MAXIMUM })
    const isGenuine = yield* catching(RepositoryError, () => {
      try {
        const { root } = fromJson(Marker, decodeEnvelope(keys, envelope, MARKER_MAXIMUM))
        return root === id && isKind(keys, "forgotten", envelope)
      } catch (cause) {
        throw corrupt(object, problemOf(object), cause)
      }
    })
    if (!isGenuine) return yield* corrupt(object, problemOf(object))
  },
  (read, _opened, id) => {
    const object = forgottenObject(id)
    return Effect.mapError(readTwice(object, read), asDamage(object))
  },
)

const problemOf = (object: string): string =>
  `${object} is damaged, so its snapshot does not count as forgotten: "penstock rebuild" lists it again`

/** Whether a root was forgotten, if there is a marker. One that is damaged does not count. */
export const isForgotten = (opened: Opened, id: string): Effect.Effect<boolean, FormatError> =>
  readMarker(opened, id).pipe(
    Effect.as(true),
    Effect.catch((error) => isDamage(error) ? Effect.succeed(false) : Effect.fail(error)),
  )

/** The IDs of all roots that were forgotten, and the damage of other markers. */
export const readForgotten: (opened: Opened) => Effect.Effect<
  { readonly forgotten: ReadonlySet<string>; readonly damaged: ReadonlyArray<FormatError> },
  FormatError
> = Effect.fnUntraced(function* (opened) {
  const objects = yield* Stream.runCollect(opened.store.list(ROOTS))
  const ids = objects.map(({ name }) => forgottenId(name)).filter((id) => id !== undefined)
  const forgotten = new Set<string>()
  const damaged: Array<FormatError> = []
  yield* Effect.forEach(ids, (id) =>
    readMarker(opened, id).pipe(
      Effect.map(() => void forgotten.add(id)),
      Effect.catch((error) => isDamage(error) ? Effect.sync(() => void damaged.push(error)) : Effect.fail(error)),
    ), { concurrency: requestsAtOnce(opened.store), discard: true })
  return { forgotten, damaged }
})
