/** How fast a store may send and receive: what the decorator `limit` tells it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Gives leave for bytes, so that on average no more than a rate pass. */
export interface Meter {
  /** Waits until all bytes before are paid for, then charges these. */
  readonly charge: (bytes: number) => Effect.Effect<void>
  /** Charges bytes that have passed already. */
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

/** The limits that an operation of a store is to keep to; what is absent is not limited. */
export interface Limits {
  /** Paces the bytes that are sent. */
  readonly upload?: Meter
  /** Paces the bytes that are received. */
  readonly download?: Meter
}

/**
 * For stores with the property `paced`: they run `charge` before each piece that they send, and before or after each
 * that they receive (no more is read from the connection meanwhile). Pieces of at most {@link PIECE} bytes make it
 * smooth.
 */
export const Pace: Context.Reference<Limits> = Context.Reference("penstock/adapters/store/Pace", {
  defaultValue: (): Limits => ({}),
})

/** The largest piece to send at once where there is a limit: 64 KiB. */
export const PIECE: number = 1 << 16
