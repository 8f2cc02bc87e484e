/** How much of a store to ask for at once: four things from a disk, more over a network. */
import type { ObjectStore } from "./store.ts"

/** Bytes of packs that may be in memory on their way to or from a remote store: four packs of 16 MiB. */
const UNDER_WAY_BYTES = 64 << 20

/**
 * How many packs of `bytes` are worth having under way at once, whole. One where it is the disk that takes the time;
 * elsewhere as many as the store has connections, as far as memory allows.
 */
export const packsAtOnce = ({ properties: { connections, remote } }: ObjectStore, bytes: number): number =>
  remote === true ? Math.max(1, Math.min(connections, Math.floor(UNDER_WAY_BYTES / bytes))) : 1

/** How many requests are worth having under way at once that need little memory: small objects, parts of objects. */
export const requestsAtOnce = ({ properties: { connections, remote } }: ObjectStore): number =>
  remote === true ? Math.min(32, Math.max(1, connections)) : 4
