/** How fast a store may send and receive. The decorator `limit` provides it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Delays bytes, so that on average they pass at a rate. */
export interface Meter {
  /** Waits until all earlier bytes are paid for, then charges this many. */
  readonly charge: (bytes: number) => Effect.Effect<void>
  /** Charges bytes that have already passed. */
  readonly owe: (bytes: number) => void
}

/** A meter of `rate` bytes per second. */
export const makeMeter = (rate: number): Meter => {
  let paid = 0 // the time in milliseconds at which all bytes so far are paid for
  return {
    charge: (bytes) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const start = Math.max(now, paid)
        paid = start + bytes / rate * 1000
        return start > now ? Effect.sleep(start - now) : Effect.void
      }),
    owe: (bytes) => {
      paid += bytes / rate * 1000
    },
  }
}

/** The limits of the operations of a store. An absent one does not apply. */
export interface Limits {
  /** Paces the bytes that are sent. */
  readonly upload?: Meter
  /** Paces the bytes that are received. */
  readonly download?: Meter
}

/**
 * The limits for a store with the property `paced`. Such a store runs `charge` before each piece that it sends, and
 * before or after each piece that it receives. Meanwhile it reads nothing from the connection. Pieces of 64 KiB at most
 * make the traffic smooth.
 *
 * @example Charge the bytes that a store of your own receives
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { Pace } from "@penstock/penstock/adapters"
 *
 * const charged: Array<number> = []
 * const meter = {
 *   charge: (bytes: number) => Effect.sync(() => void charged.push(bytes)),
 *   owe: () => {},
 * }
 * const receive = Effect.gen(function* () {
 *   const { download } = yield* Pace
 *   if (download !== undefined) yield* download.charge(65536)
 * })
 * await Effect.runPromise(Effect.provideService(receive, Pace, { download: meter }))
 * assert.deepEqual(charged, [65536])
 * ```
 */
export const Pace: Context.Reference<Limits> = Context.Reference("penstock/adapters/store/Pace", {
  defaultValue: (): Limits => ({}),
})

/** The largest piece to send at once under a limit: 64 KiB. */
export const PIECE: number = 1 << 16
