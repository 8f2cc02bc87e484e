/**
 * Marks an object with the write that made it, so that a writer recognises its own. When an answer is lost, the same
 * request is sent again, by this program or by the runtime. The second one then finds the object of the first.
 */
import * as Effect from "effect/Effect"
import { absent } from "../../../stages/store/absent.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import type { S3Client } from "./client.ts"

const HEADER = "x-amz-meta-penstock-write"

/** A header that no other write sends. */
export type Mark = { readonly [HEADER]: string }

/** A new mark. */
export const makeMark = (): Mark => ({ [HEADER]: crypto.randomUUID() })

/** Whether the object at `key`, or one version of it, was made by the write with this mark. */
export const hasMark = (
  client: S3Client,
  name: string,
  key: string,
  mark: Mark,
  versionId?: string,
): Effect.Effect<boolean, StoreError> =>
  Effect.map(
    absent(client.send({
      method: "HEAD",
      doing: "write",
      name,
      key,
      ...(versionId === undefined ? {} : { query: { versionId } }),
    })),
    (answer) => answer?.headers.get(HEADER) === mark[HEADER],
  )
