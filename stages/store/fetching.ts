/** How many bytes to fetch from a store at once, and with how many requests. */
import type { ObjectStore } from "./store.ts"

/** How blocks are fetched. */
export interface Fetching {
  /** Blocks near each other are fetched with one request, up to this many stored bytes. */
  readonly bytes: number
  /** Gaps of up to this many bytes between blocks are fetched, too, to save a request. */
  readonly gap: number
  /** How many fetches are under way at once. */
  readonly fetches: number
  /** Bytes of all fetches under way, at most. A larger fetch runs alone. */
  readonly memory: number
}

/** How to fetch from a disk. */
export const NEAR: Fetching = { bytes: 2 << 20, gap: 0, fetches: 4, memory: Infinity }

/**
 * How to fetch blocks from a store: more at once from a remote one. At 40 Mbit/s a gap of 256 KiB takes 50 ms, no more
 * than another request would.
 */
export const fetchingFrom = ({ properties: { connections, remote } }: ObjectStore): Fetching =>
  remote === true
    ? { bytes: 8 << 20, gap: 256 << 10, fetches: Math.max(1, Math.min(connections, 16)), memory: 32 << 20 }
    : NEAR
