import * as Effect from "effect/Effect"
import { Afresh } from "./second_read.ts"
import { type ObjectStore, StoreError } from "./store.ts"

/** An object that was fetched at once, to be read as if it were still in the store; afresh it is read from there. */
export interface WholeObject extends Pick<ObjectStore, "get"> {
  readonly bytes: Uint8Array
}

/** Fetches an object of a known size. Fails with `corrupt` when it has another. */
export const wholeObject = (
  store: Pick<ObjectStore, "get">,
  name: string,
  size: number,
): Effect.Effect<WholeObject, StoreError> =>
  Effect.flatMap(store.get(name, { atMost: size }), (bytes) => {
    if (bytes.length !== size) {
      const message = `${name} has ${bytes.length} bytes, not ${size}: it is truncated or altered`
      return Effect.fail(new StoreError({ reason: "corrupt", object: name, message }))
    }
    const get: ObjectStore["get"] = (_, part) =>
      Effect.flatMap(Afresh, (afresh) =>
        afresh
          ? store.get(name, part)
          : Effect.succeed("atMost" in part ? bytes.slice() : bytes.slice(part.offset, part.offset + part.length)))
    return Effect.succeed({ bytes, get })
  })
