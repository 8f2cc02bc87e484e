/** How many requests to a store to have under way at once: four to a disk, more over a network. */
import type { ObjectStore } from "./store.ts"

/** Bytes of packs in memory on their way to or from a remote store, at most: four packs of 16 MiB. */
const UNDER_WAY_BYTES = 64 << 20

/**
 * How many whole packs of `bytes` to have under way at once. On a disk one, because the disk takes the time. Over a
 * network as many as the store has connections, as far as memory allows.
 */
export const packsAtOnce = ({ properties: { connections, remote } }: ObjectStore, bytes: number): number =>
  remote === true ? Math.max(1, Math.min(connections, Math.floor(UNDER_WAY_BYTES / bytes))) : 1

/** How many requests for small objects or parts of objects, which need little memory, to have under way at once. */
export const requestsAtOnce = ({ properties: { connections, remote } }: ObjectStore): number =>
  remote === true ? Math.min(32, Math.max(1, connections)) : 4
