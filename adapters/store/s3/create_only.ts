/** Writes that must not take the place of an object: by a condition where the server keeps it, else by claims. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { StoreError } from "../../../stages/store/store.ts"
import { TEMPORARY } from "../../../stages/store/name.ts"
import { type OpenClaims, writeByClaim } from "./claims.ts"
import type { S3Client } from "./client.ts"

/** How a server takes `If-None-Match: *`: it keeps it, overwrites all the same, or refuses such requests. */
type Condition = "kept" | "ignored" | "refused"

/** Runs `write` with the headers that it has to send. */
export type CreateOnly = (
  name: string,
  write: (headers: Readonly<Record<string, string>>) => Effect.Effect<void, StoreError>,
  /** Whether the write is the completion of an upload in parts. */
  inParts: boolean,
) => Effect.Effect<void, StoreError>

const CONDITION = { "if-none-match": "*" }

/**
 * Create-only writes to a server. AWS keeps the condition. Others are asked, once: an object under `tmp/` that is there
 * already is put again. Ceph keeps it, but neither in buckets with versions nor at the completion of uploads.
 */
export const makeCreateOnly = (client: S3Client, headers: Readonly<Record<string, string>>): CreateOnly => {
  const { endpoint, prefix } = client.location
  const claims: OpenClaims = new Map()
  const one = Semaphore.makeUnsafe(1)
  let known: Condition | undefined = endpoint === undefined ? "kept" : undefined

  const key = `${prefix}${TEMPORARY}/create-only`
  const put = client.send({
    method: "PUT",
    doing: "write",
    name: `${TEMPORARY}/create-only`,
    key,
    headers: { ...headers, ...CONDITION },
    body: [],
  }).pipe(
    Effect.map((): "done" | Condition => "done"),
    Effect.catch((error) =>
      error.reason === "exists"
        ? Effect.succeed("kept" as const)
        : error.reason === "io" || error.reason === "invalid"
        ? Effect.succeed("refused" as const)
        : Effect.fail(error)
    ),
  )
  const probe: Effect.Effect<Condition, StoreError> = Semaphore.withPermit(
    one,
    Effect.gen(function* () {
      if (known !== undefined) return known
      const first = yield* put
      const found = first === "done" ? yield* put : first
      return known = found === "done" ? "ignored" : found
    }),
  )

  return Effect.fnUntraced(function* (name, write, inParts) {
    const condition = yield* probe
    const sent = condition === "refused" ? {} : CONDITION
    if (condition === "kept" && !(inParts && endpoint !== undefined)) return yield* write(sent)
    const place = { name, key: `${prefix}${name}`, claims: `${prefix}${TEMPORARY}/claims/${name}/` }
    yield* writeByClaim(client, claims, place, headers, write(sent))
  })
}
