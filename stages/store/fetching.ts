/** How many bytes to fetch from a store at once, and with how many requests. */
import type { ObjectStore } from "./store.ts"

/** How blocks are fetched. */
export interface Fetching {
  /** Blocks near each other are fetched together, up to so many stored bytes. */
  readonly bytes: number
  /** So many bytes that nobody asked for are fetched rather than asking twice. */
  readonly gap: number
  /** Fetches under way at once. */
  readonly fetches: number
  /** Bytes of all fetches under way; a larger one is alone. */
  readonly memory: number
}

/** From a disk. */
export const NEAR: Fetching = { bytes: 2 << 20, gap: 0, fetches: 4, memory: Infinity }

/**
 * How to fetch blocks from a store: more at once from a remote one. There a gap of 256 KiB costs no more than the 50 ms
 * of another request at 40 Mbit/s.
 */
export const fetchingFrom = ({ properties: { connections, remote } }: ObjectStore): Fetching =>
  remote === true
    ? { bytes: 8 << 20, gap: 256 << 10, fetches: Math.max(1, Math.min(connections, 16)), memory: 32 << 20 }
    : NEAR
