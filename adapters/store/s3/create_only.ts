/** Writes that must not replace an object: by a condition if the server honours it, else by claims. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { StoreError } from "../../../stages/store/store.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { type OpenClaims, writeByClaim } from "./claims.ts"
import type { S3Client } from "./client.ts"
import { s3Key } from "./location.ts"

/** What a server does with `If-None-Match: *`: it honours it, overwrites all the same, or refuses such requests. */
type Condition = "honoured" | "ignored" | "refused"

/** Runs `write` with the headers that it has to send, if there is no object of that name. */
export type CreateOnly = (
  name: string,
  write: (headers: Readonly<Record<string, string>>) => Effect.Effect<void, StoreError>,
  /** Whether the write is the completion of an upload in parts. */
  inParts: boolean,
) => Effect.Effect<void, StoreError>

const CONDITION = { "if-none-match": "*" }
/** The object by which a server is tested. */
const PROBE = `${TEMPORARY}/create-only`

/**
 * Create-only writes to a server. AWS honours the condition. Another server is tested once: an object under `tmp/` that
 * exists is put again. Ceph honours the condition, but not in buckets with versions, and not at the completion of
 * uploads.
 */
export const makeCreateOnly = (client: S3Client, headers: Readonly<Record<string, string>>): CreateOnly => {
  const { endpoint } = client.location
  const claims: OpenClaims = new Map()
  const oneAtATime = Semaphore.makeUnsafe(1)
  let known: Condition | undefined = endpoint === undefined ? "honoured" : undefined

  const put = client.send({
    method: "PUT",
    doing: "write",
    name: PROBE,
    key: s3Key(client.location, PROBE),
    headers: { ...headers, ...CONDITION },
    body: [],
  }).pipe(
    Effect.map((): "done" | Condition => "done"),
    Effect.catch((error) =>
      error.reason === "exists"
        ? Effect.succeed("honoured" as const)
        : error.reason === "io" || error.reason === "invalid"
        ? Effect.succeed("refused" as const)
        : Effect.fail(error)
    ),
  )
  const probe: Effect.Effect<Condition, StoreError> = Semaphore.withPermit(
    oneAtATime,
    Effect.gen(function* () {
      if (known !== undefined) return known
      const first = yield* put
      const found = first === "done" ? yield* put : first
      return known = found === "done" ? "ignored" : found
    }),
  )

  return Effect.fnUntraced(function* (name, write, inParts) {
    const condition = yield* probe
    const headersToSend = condition === "refused" ? {} : CONDITION
    if (condition === "honoured" && !(inParts && endpoint !== undefined)) return yield* write(headersToSend)
    yield* writeByClaim(client, claims, name, headers, write(headersToSend))
  })
}
