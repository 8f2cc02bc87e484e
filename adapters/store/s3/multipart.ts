/** Uploads in parts, for objects that are long or that grow. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { parseXml } from "../http/xml.ts"
import { retrying } from "../retry/retrier.ts"
import { refusalCode } from "./answer_error.ts"
import { childText, localName } from "./answer_xml.ts"
import type { S3Answer, S3Client, S3Request } from "./client.ts"
import { s3Key, showS3Location } from "./location.ts"
import { hasMark, makeMark } from "./mark.ts"
import { VERSION_HEADER, type WrittenVersion } from "./versions.ts"

/** Bytes of a part; the last may be shorter. Servers take 5 MiB to 5 GiB, and some want all parts of one size. */
export const PART_BYTES: number = 16 << 20
/** The most parts of an object. */
export const PARTS = 10_000
/** Parts of one object that are sent at the same time. */
export const PARTS_AT_ONCE = 4

/** An upload that has begun. */
export interface Upload {
  /** Sends a part; numbers begin with 1. The bytes must not change until the effect ends. */
  readonly part: (number: number, bytes: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StoreError>
  /** Makes the object from all parts. `headers` may hold conditions. */
  readonly complete: (headers: Readonly<Record<string, string>>) => Effect.Effect<WrittenVersion, StoreError>
}

const escapeXml = (text: string): string =>
  text.replace(/[<>&"]/g, (c) => `&${{ "<": "lt", ">": "gt", "&": "amp", '"': "quot" }[c]};`)

const textOf = ({ body }: S3Answer): string => new TextDecoder().decode(body)

/** Starts an upload. If the scope closes before it is complete, its parts are removed from the server. */
export const startUpload: (
  client: S3Client,
  name: string,
  headers: Readonly<Record<string, string>>,
) => Effect.Effect<Upload, StoreError, Scope.Scope> = Effect.fnUntraced(function* (client, name, headers) {
  const key = s3Key(client.location, name)
  const mark = makeMark()
  const etags = new Map<number, string>()
  let isComplete = false
  const send = (request: Pick<S3Request, "method" | "query" | "headers" | "body">) =>
    client.send({ ...request, doing: "write", name, key })
  const error = (reason: StoreError["reason"], why: string, cause?: unknown): StoreError =>
    operationError({ doing: "write", name, location: showS3Location(client.location) }, reason, why, { cause })

  const begin = Effect.flatMap(
    send({ method: "POST", query: { uploads: "" }, headers: { ...headers, ...mark }, body: [] }),
    (answer) =>
      Effect.try({
        try: () => {
          const id = childText(parseXml(textOf(answer)), "UploadId")
          if (id === undefined || id === "") throw new Error("no UploadId")
          return id
        },
        catch: (cause) => error("io", "the server does not name the upload", cause),
      }),
  )
  // If the answer is lost, the upload stays on the server until a rule of the bucket removes it.
  const uploadId = yield* Effect.acquireRelease(
    retrying(begin),
    (uploadId) =>
      isComplete
        ? Effect.void
        : Effect.ignore(Effect.timeout(send({ method: "DELETE", query: { uploadId } }), "30 seconds")),
  )

  const sendPart = (number: number, bytes: ReadonlyArray<Uint8Array>): Effect.Effect<void, StoreError> =>
    Effect.flatMap(
      send({ method: "PUT", query: { partNumber: String(number), uploadId }, body: bytes }),
      ({ headers }) => {
        const etag = headers.get("etag")
        if (etag === null) return Effect.fail(error("io", "the server does not confirm a part"))
        etags.set(number, etag)
        return Effect.void
      },
    )

  const complete = Effect.fnUntraced(function* (conditions: Readonly<Record<string, string>>) {
    const list = [...etags].sort(([a], [b]) => a - b).map(([number, etag]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`
    )
    const body = new TextEncoder().encode(
      `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
        list.join("")
      }</CompleteMultipartUpload>`,
    )
    let tries = 0
    let id: string | null = null
    yield* retrying(Effect.suspend(() => {
      const again = tries++ > 0
      const sent = send({
        method: "POST",
        query: { uploadId },
        headers: { "content-type": "application/xml", ...conditions },
        body: [body],
      })
      return Effect.flatMap(sent, (answer) => {
        id = answer.headers.get(VERSION_HEADER)
        return verifyComplete(textOf(answer))
      }).pipe(
        Effect.catch((failed) =>
          // The try before may have succeeded, with only its answer lost.
          again && failed.reason !== "unavailable"
            ? Effect.flatMap(hasMark(client, name, key, mark), (there) => there ? Effect.void : Effect.fail(failed))
            : Effect.fail(failed)
        ),
      )
    }))
    isComplete = true
    return { id, mark }
  })

  /** A server that has begun its answer can still fail. It then sends an error with status 200. */
  const verifyComplete = (text: string): Effect.Effect<void, StoreError> =>
    Effect.suspend(() => {
      try {
        if (localName(parseXml(text)) === "CompleteMultipartUploadResult") return Effect.void
      } catch (cause) {
        return Effect.fail(error("io", "the server does not confirm that the upload is complete", cause))
      }
      const code = refusalCode(text)
      const passes = code === "InternalError" || code === "SlowDown" || code === "ServiceUnavailable"
      const shown = code !== undefined && /^\w{1,64}$/.test(code) ? ` (${code})` : ""
      return Effect.fail(
        error(passes ? "unavailable" : "io", `the server could not put the parts together${shown}`),
      )
    })

  return {
    part: (number, bytes) =>
      number > PARTS
        ? Effect.fail(error("invalid", `it has more than ${PARTS} parts`))
        : retrying(sendPart(number, bytes)),
    complete,
  }
})
