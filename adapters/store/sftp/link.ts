/** The connection of a store, which is made again after it broke. */
import type { Connection } from "./connection.ts"

/** A connection that is made when it is first needed, and made again after it broke. */
export interface Link {
  /** The connection for one operation. Operations that start meanwhile wait for the same one. */
  readonly connection: () => Promise<Connection>
  readonly end: () => Promise<void>
}

/** A link that connects by `connect`, which calls `onLost` when the connection breaks. */
export const makeLink = (connect: (onLost: () => void) => Promise<Connection>): Link => {
  let current: Promise<Connection> | undefined
  const start = (): Promise<Connection> => {
    const forget = (): void => {
      if (current === made) current = undefined
    }
    const made: Promise<Connection> = connect(forget)
    made.catch(forget)
    return made
  }
  return {
    connection: () => current ??= start(),
    end: async () => {
      const last = current
      current = undefined
      await last?.then((made) => made.end(), () => {})
    },
  }
}
