/**
 * Snapshots that were forgotten. A marker beside the links of a client says so. The snapshot object stays, because it
 * leads from those after it to those before it. SPEC.md, "Forgetting".
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isThere } from "../../stages/store/absent.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import type { FormatError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { listClients } from "./heads.ts"
import { forgottenName } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Forgets snapshots. Those of clients that are not there are passed over. */
export const forget: (
  opened: Opened,
  snapshots: ReadonlyArray<SnapshotInfo>,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* ({ store }, snapshots) {
  const { clients } = yield* listClients(store)
  const names = new Map(clients.map(({ name, node }) => [node, name]))
  for (const { hostname, id } of snapshots) {
    const name = names.get(hostname)
    if (name !== undefined) yield* putMarker(store, name, id)
  }
})

/** Stores the marker of a snapshot. `client` is the name in the store. */
export const putMarker: (store: ObjectStore, client: string, id: string) => Effect.Effect<void, StoreError> = Effect
  .fnUntraced(function* (store, client, id) {
    const marker = new Uint8Array(8)
    const now = yield* Clock.currentTimeMillis
    new DataView(marker.buffer).setBigUint64(0, BigInt(Math.floor(now / 1000)), true)
    yield* store.put(forgottenName(client, id), [marker], { replace: true })
  })

/** Whether a snapshot was forgotten. */
export const isForgotten = (store: ObjectStore, client: string, id: string): Effect.Effect<boolean, StoreError> =>
  isThere(store, forgottenName(client, id))
