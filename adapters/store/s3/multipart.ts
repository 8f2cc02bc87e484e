/** Objects that are sent in parts: those that are large, and those that grow. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StoreError } from "../../../stages/store/store.ts"
import { retrying } from "../retry/retrier.ts"
import { parseXml } from "../http/xml.ts"
import { codeOf } from "./answer_error.ts"
import { childText, localName } from "./answer_xml.ts"
import type { S3Answer, S3Client } from "./client.ts"
import { hasMark, makeMark } from "./mark.ts"
import { showS3Location } from "./location.ts"

/** Bytes of a part; the last may be shorter. Servers take 5 MiB to 5 GiB, and some want all to be of one size. */
export const PART_BYTES: number = 16 << 20
/** Most parts of an object. */
export const PARTS = 10_000
/** Parts of one object under way at once. */
export const PARTS_AT_ONCE = 4

/** An object under way. */
export interface Upload {
  /** Sends a part; numbers begin with 1. Bytes are not changed until the effect ends. */
  readonly part: (number: number, bytes: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StoreError>
  /** Makes an object of all parts. `headers` may be conditions. */
  readonly complete: (headers: Readonly<Record<string, string>>) => Effect.Effect<void, StoreError>
}

const escapeXml = (text: string): string =>
  text.replace(/[<>&"]/g, (c) => `&${{ "<": "lt", ">": "gt", "&": "amp", '"': "quot" }[c]};`)

const textOf = ({ body }: S3Answer): string => new TextDecoder().decode(body)

/** Starts an upload. What it has sent is removed when the scope closes before it is complete. */
export const startUpload: (
  client: S3Client,
  name: string,
  key: string,
  headers: Readonly<Record<string, string>>,
) => Effect.Effect<Upload, StoreError, Scope.Scope> = Effect.fnUntraced(function* (client, name, key, headers) {
  const doing = "write"
  const mark = makeMark()
  const etags = new Map<number, string>()
  let complete = false
  const strange = (why: string, cause?: unknown): StoreError =>
    new StoreError({
      reason: "io",
      object: name,
      message: `Cannot write "${name}" in ${showS3Location(client.location)}: ${why}`,
      cause,
    })

  const begin = Effect.flatMap(
    client.send({
      method: "POST",
      doing,
      name,
      key,
      query: { uploads: "" },
      headers: { ...headers, ...mark },
      body: [],
    }),
    (answer) =>
      Effect.try({
        try: () => {
          const id = childText(parseXml(textOf(answer)), "UploadId")
          if (id === undefined || id === "") throw new Error("no UploadId")
          return id
        },
        catch: (cause) => strange("the server does not say how the upload is called", cause),
      }),
  )
  // One that was begun and whose answer was lost stays behind: rules of the bucket remove it.
  const uploadId = yield* Effect.acquireRelease(retrying(begin), (uploadId) =>
    complete ? Effect.void : Effect.ignore(
      Effect.timeout(client.send({ method: "DELETE", doing, name, key, query: { uploadId } }), "30 seconds"),
    ))

  const finish = Effect.fnUntraced(function* (conditions: Readonly<Record<string, string>>) {
    const list = [...etags].sort(([a], [b]) => a - b).map(([number, etag]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`
    )
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
      list.join("")
    }</CompleteMultipartUpload>`
    let tries = 0
    yield* retrying(Effect.suspend(() => {
      const again = tries++ > 0
      const sent = client.send({
        method: "POST",
        doing,
        name,
        key,
        query: { uploadId },
        headers: { "content-type": "application/xml", ...conditions },
        body: [new TextEncoder().encode(body)],
      })
      return Effect.flatMap(sent, (answer) => verifyComplete(textOf(answer))).pipe(
        Effect.catch((error) =>
          // What was lost may have been the answer only.
          again && error.reason !== "unavailable"
            ? Effect.flatMap(hasMark(client, name, key, mark), (there) => there ? Effect.void : Effect.fail(error))
            : Effect.fail(error)
        ),
      )
    }))
    complete = true
  })

  // A server that has begun to answer can still fail: then an error comes with status 200.
  const verifyComplete = (text: string): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      try {
        if (localName(parseXml(text)) === "CompleteMultipartUploadResult") return Effect.void
      } catch (cause) {
        return Effect.fail(strange("the server does not say that the upload is complete", cause))
      }
      const code = codeOf(text)
      const passes = code === "InternalError" || code === "SlowDown" || code === "ServiceUnavailable"
      return Effect.fail(
        new StoreError({
          reason: passes ? "unavailable" : "io",
          object: name,
          message: `Cannot write "${name}" in ${
            showS3Location(client.location)
          }: the server could not put the parts together${
            code !== undefined && /^\w{1,64}$/.test(code) ? ` (${code})` : ""
          }`,
        }),
      )
    })

  return {
    part: (number, bytes) =>
      number > PARTS
        ? Effect.fail(
          new StoreError({
            reason: "invalid",
            object: name,
            message: `Cannot write "${name}" in ${showS3Location(client.location)}: it has more than ${PARTS} parts`,
          }),
        )
        : retrying(
          Effect.flatMap(
            client.send({
              method: "PUT",
              doing,
              name,
              key,
              query: { partNumber: String(number), uploadId },
              body: bytes,
            }),
            ({ headers }) => {
              const etag = headers.get("etag")
              if (etag === null) return Effect.fail(strange("the server does not confirm a part"))
              etags.set(number, etag)
              return Effect.void
            },
          ),
        ),
    complete: finish,
  }
})
