/** Lists objects, in pages of up to 1,000 keys. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { listingBound } from "../../../stages/store/listing_bound.ts"
import { nameError } from "../../../stages/store/name.ts"
import { operationError } from "../../../stages/store/operation.ts"
import { type ObjectInfo, StoreError } from "../../../stages/store/store.ts"
import { parseXml, type XmlElement } from "../http/xml.ts"
import { retrying } from "../retry/retrier.ts"
import { childText, localName } from "./answer_xml.ts"
import type { S3Client } from "./client.ts"
import { showS3Location } from "./location.ts"

/** An object as it is listed. */
export interface ListedKey {
  readonly key: string
  /** In bytes. */
  readonly size: number
  /** When it was written, by the server's clock, in milliseconds; NaN if the server does not tell. */
  readonly written: number
}

/** A part of a listing, in the order of the bytes of the keys. */
export interface ListedPage {
  readonly keys: ReadonlyArray<ListedKey>
  /** The token of the next page; absent on the last one. */
  readonly next?: string
  /** The server's clock when it answered, in milliseconds; NaN if the server does not tell. */
  readonly now: number
}

/** What to list. */
export interface ListPageOptions {
  /** The directory as the caller knows it, for messages. */
  readonly name: string
  /** What all wanted keys begin with. */
  readonly prefix: string
  /** The token of the page; absent for the first one. */
  readonly after?: string | undefined
  /** The last key of the pages before. */
  readonly last?: string
  /** The most keys of the page; 1,000 by default. */
  readonly most?: number
  /** A verb for messages; `list` by default. */
  readonly doing?: string
}

/** A page contradicts itself or the request. */
class BadPage extends Error {}

/** The longest page, in bytes: 1,000 keys of 1,024 bytes, each byte encoded in up to six, and what surrounds them. */
const PAGE_BYTES = 16 << 20

const parseKey = (element: XmlElement, encoded: boolean, prefix: string): ListedKey => {
  const key = childText(element, "Key")
  const size = childText(element, "Size")
  if (key === undefined || size === undefined || !/^\d{1,15}$/.test(size)) {
    throw new BadPage("an object has no key or size")
  }
  const decoded = encoded ? decodeURIComponent(key.replaceAll("+", " ")) : key
  if (!decoded.startsWith(prefix)) throw new BadPage("an object does not begin with the prefix")
  return { key: decoded, size: Number(size), written: Date.parse(childText(element, "LastModified") ?? "") }
}

const parsePage = (text: string, { after, last = "", prefix }: ListPageOptions): Omit<ListedPage, "now"> => {
  const root = parseXml(text)
  const truncated = childText(root, "IsTruncated")
  if (localName(root) !== "ListBucketResult" || (truncated !== "true" && truncated !== "false")) {
    throw new BadPage("it is not a listing")
  }
  const encoded = childText(root, "EncodingType") === "url"
  const keys = root.children.filter((one) => localName(one) === "Contents")
    .map((one) => parseKey(one, encoded, prefix))
  // Otherwise a server could send the same page again and again.
  if (keys.length > 0 && Buffer.compare(Buffer.from(keys[0]!.key), Buffer.from(last)) <= 0) {
    throw new BadPage("it begins before the end of the page before")
  }
  if (truncated === "false") return { keys }
  const next = childText(root, "NextContinuationToken")
  if (next === undefined || next === "" || next === after) throw new BadPage("the token of the next page is missing")
  return { keys, next }
}

/** Lists one page. */
export const listPage: (client: S3Client, options: ListPageOptions) => Effect.Effect<ListedPage, StoreError> = Effect
  .fnUntraced(function* (client, options) {
    const { doing = "list", name } = options
    const answer = yield* client.send({
      method: "GET",
      doing,
      name,
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
      try: () => parsePage(new TextDecoder("utf-8", { fatal: true }).decode(answer.body), options),
      catch: (cause) =>
        operationError(
          { doing, name, location: showS3Location(client.location) },
          "io",
          "the server's answer is not a listing",
          { cause },
        ),
    })
    return { ...page, now: Date.parse(answer.headers.get("date") ?? "") }
  })

/** All objects beneath a directory of the store. Keys that no store writes are left out. */
export const listObjects = (client: S3Client, directory: string): Stream.Stream<ObjectInfo, StoreError> =>
  Stream.suspend(() => {
    const { prefix } = client.location
    const count = listingBound(directory, showS3Location(client.location))
    let last = ""
    return Stream.paginate(undefined as string | undefined, (after) =>
      Effect.flatMap(
        retrying(listPage(client, { name: directory, prefix: `${prefix}${directory}`, after, last })),
        ({ keys, next }) =>
          catching(StoreError, () => {
            last = keys.at(-1)?.key ?? last
            count({ objects: keys.length, directories: 0 })
            return [
              keys.flatMap(({ key, size }) => {
                const name = key.slice(prefix.length)
                return nameError(name) === undefined ? [{ name, size }] : []
              }),
              next === undefined ? Option.none() : Option.some(next),
            ] as const
          }),
      ))
  })
