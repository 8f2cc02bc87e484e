/** Lists the versions of objects in a bucket that keeps them. */
import * as Effect from "effect/Effect"
import { operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { parseXml } from "../http/xml.ts"
import { childText, localName } from "./answer_xml.ts"
import type { S3Client } from "./client.ts"
import { showS3Location } from "./location.ts"
import type { Mark } from "./mark.ts"

/** The header in which a server tells the version that a write made. */
export const VERSION_HEADER = "x-amz-version-id"

/** What a write made. */
export interface WrittenVersion {
  /** The ID of its version; null if the server does not tell it. */
  readonly id: string | null
  readonly mark: Mark
}

/** A version of an object. */
export interface ListedVersion {
  readonly key: string
  /** `null` for an object that is older than the versions of its bucket. */
  readonly id: string
  /** In bytes; undefined for a mark that says that the object was deleted. */
  readonly size: number | undefined
}

/** Where a page begins: after this version. */
export interface After {
  readonly key: string
  readonly id: string
}

/** A part of a listing: in the order of the keys, and the newest version of each key first. */
export interface VersionPage {
  readonly versions: ReadonlyArray<ListedVersion>
  /** Where the next page begins; absent on the last one. */
  readonly next?: After
}

/** 1,000 versions with keys of 1,024 bytes, each byte encoded in up to six, and what surrounds them. */
const PAGE_BYTES = 16 << 20

const parsePage = (text: string, prefix: string, after: After | undefined): VersionPage => {
  const root = parseXml(text)
  const truncated = childText(root, "IsTruncated")
  if (localName(root) !== "ListVersionsResult" || (truncated !== "true" && truncated !== "false")) {
    throw new Error("it is not a listing of versions")
  }
  const decode = childText(root, "EncodingType") === "url"
    ? (key: string) => decodeURIComponent(key.replaceAll("+", " "))
    : (key: string) => key
  const versions = root.children.flatMap((element): ReadonlyArray<ListedVersion> => {
    const kind = localName(element)
    if (kind !== "Version" && kind !== "DeleteMarker") return []
    const [key, id, size] = ["Key", "VersionId", "Size"].map((name) => childText(element, name))
    if (key === undefined || id === undefined || (kind === "Version" && !/^\d{1,15}$/.test(size ?? ""))) {
      throw new Error("a version has no key, ID or size")
    }
    const decoded = decode(key)
    if (!decoded.startsWith(prefix)) throw new Error("a version does not begin with the prefix")
    return [{ key: decoded, id, size: kind === "Version" ? Number(size) : undefined }]
  })
  if (truncated === "false") return { versions }
  const [key, id] = ["NextKeyMarker", "NextVersionIdMarker"].map((name) => childText(root, name))
  const next = key === undefined || id === undefined ? undefined : { key: decode(key), id }
  // Otherwise a server could send the same page again and again.
  if (next === undefined || (next.key === after?.key && next.id === after.id)) {
    throw new Error("the place of the next page is missing")
  }
  return { versions, next }
}

/** Lists one page of the versions of all keys with a prefix. `name` and `doing` are for messages. */
export const listVersions: (
  client: S3Client,
  options: {
    readonly doing: string
    readonly name: string
    readonly prefix: string
    readonly after?: After | undefined
  },
) => Effect.Effect<VersionPage, StoreError> = Effect.fnUntraced(function* (client, { after, doing, name, prefix }) {
  const answer = yield* client.send({
    method: "GET",
    doing,
    name,
    query: {
      versions: "",
      "encoding-type": "url",
      prefix,
      ...(after === undefined ? {} : { "key-marker": after.key, "version-id-marker": after.id }),
    },
    longest: PAGE_BYTES,
  })
  return yield* Effect.try({
    try: () => parsePage(new TextDecoder("utf-8", { fatal: true }).decode(answer.body), prefix, after),
    catch: (cause) =>
      operationError(
        { doing, name, location: showS3Location(client.location) },
        "io",
        "the server's answer is not a listing of versions",
        { cause },
      ),
  })
})

/** Fails unless the bucket keeps all versions. */
export const requireVersions = (client: S3Client): Effect.Effect<void, StoreError> => {
  const { bucket } = client.location
  const operation = { doing: "open", name: "", location: showS3Location(client.location) }
  return Effect.flatMap(
    client.send({ ...operation, method: "GET", query: { versioning: "" } }),
    ({ body }) =>
      Effect.try({
        try: () => childText(parseXml(new TextDecoder().decode(body)), "Status"),
        catch: (cause) =>
          operationError(operation, "io", "the server does not say whether it keeps versions", { cause }),
      }),
  ).pipe(Effect.flatMap((status) =>
    status === "Enabled" ? Effect.void : Effect.fail(operationError(
      operation,
      "invalid",
      `the location says versions=first, and the bucket ${bucket} keeps no versions; enable versioning of the bucket`,
    ))
  ))
}
