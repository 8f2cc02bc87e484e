/** Lists keys, a page of at most 1,000 at a time. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import { StoreError } from "../../../stages/store/store.ts"
import { parseXml, type XmlElement } from "../http/xml.ts"
import type { S3Client } from "./client.ts"
import { showS3Location } from "./location.ts"
import { childText, localName } from "./answer_xml.ts"

/** An object as it is listed. */
export interface ListedKey {
  readonly key: string
  /** In bytes. */
  readonly size: number
  /** When it was written, by the server's clock, in milliseconds; NaN when the server does not say. */
  readonly written: number
}

/** Part of a listing, in the order of the bytes of the keys. */
export interface ListedPage {
  readonly keys: ReadonlyArray<ListedKey>
  /** Where the next page begins; absent on the last. */
  readonly next?: string
  /** The server's clock when it answered, in milliseconds; NaN when it does not say. */
  readonly now: number
}

/** What to list. */
export interface ListPageOptions {
  /** The directory as the caller knows it, for messages. */
  readonly name: string
  /** Start of all keys wanted. */
  readonly prefix: string
  readonly after?: string | undefined
  /** The last key of the pages before. */
  readonly last?: string
  /** At most that many. */
  readonly most?: number
  /** For messages; `list` by default. */
  readonly doing?: string
}

/** Thrown for a page that says what a page cannot say. */
class BadPage extends Error {}

/** Longest page: a thousand keys of 1,024 bytes, each byte in up to six, and what surrounds them. */
const PAGE_BYTES = 16 << 20

const bad = (why: string): BadPage => new BadPage(why)

const keyOf = (element: XmlElement, encoded: boolean, prefix: string): ListedKey => {
  const key = childText(element, "Key")
  const size = childText(element, "Size")
  if (key === undefined || size === undefined || !/^\d{1,15}$/.test(size)) throw bad("an object has no key or size")
  const decoded = encoded ? decodeURIComponent(key.replaceAll("+", " ")) : key
  if (!decoded.startsWith(prefix)) throw bad("an object is not beneath what was asked for")
  return { key: decoded, size: Number(size), written: Date.parse(childText(element, "LastModified") ?? "") }
}

const pageOf = (text: string, { after, last = "", prefix }: ListPageOptions): Omit<ListedPage, "now"> => {
  const root = parseXml(text)
  const truncated = childText(root, "IsTruncated")
  if (localName(root) !== "ListBucketResult" || (truncated !== "true" && truncated !== "false")) {
    throw bad("it is no listing")
  }
  const encoded = childText(root, "EncodingType") === "url"
  const keys = root.children.filter((one) => localName(one) === "Contents").map((one) => keyOf(one, encoded, prefix))
  // Or a page could come again and again.
  if (keys.length > 0 && Buffer.compare(Buffer.from(keys[0]!.key), Buffer.from(last)) <= 0) {
    throw bad("it begins before the page before it ends")
  }
  if (truncated === "false") return { keys }
  const next = childText(root, "NextContinuationToken")
  if (next === undefined || next === "" || next === after) throw bad("it goes on, but does not say where")
  return { keys, next }
}

/** Lists a page. */
export const listPage: (client: S3Client, options: ListPageOptions) => Effect.Effect<ListedPage, StoreError> = Effect
  .fnUntraced(function* (client, options) {
    const answer = yield* client.send({
      method: "GET",
      doing: options.doing ?? "list",
      name: options.name,
      query: {
        "list-type": "2",
        "encoding-type": "url",
        "max-keys": String(options.most ?? 1000),
        prefix: options.prefix,
        ...(options.after === undefined ? {} : { "continuation-token": options.after }),
      },
      longest: PAGE_BYTES,
    })
    const page = yield* Effect.try({
      try: () => pageOf(new TextDecoder("utf-8", { fatal: true }).decode(answer.body), options),
      catch: (cause) =>
        new StoreError({
          reason: "io",
          object: options.name,
          message: `Cannot list "${options.name}" in ${
            showS3Location(client.location)
          }: what the server answers is no listing`,
          cause,
        }),
    })
    return { ...page, now: Date.parse(answer.headers.get("date") ?? "") }
  })
