/** Asks what is in a collection, by PROPFIND. */
import * as Effect from "effect/Effect"
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { beneath } from "../http/directories.ts"
import { type HttpOptions, send } from "../http/request.ts"
import { parseXml, type XmlElement, XmlError } from "../http/xml.ts"

/** An object or collection on the server. */
export interface Resource {
  /** Its name in the requested collection; empty for that collection itself. */
  readonly path: ReadonlyArray<string>
  readonly collection: boolean
  /** In bytes; absent for collections, and if the server does not tell. */
  readonly size?: number
  /** When it was last changed, in milliseconds by the server's clock. */
  readonly modified?: number
}

/** An answer to PROPFIND. */
export interface Found {
  readonly resources: ReadonlyArray<Resource>
  /** The server's clock, in milliseconds. */
  readonly now?: number
}

/** The longest answer that is read, in bytes: about 200,000 names of 500 bytes and a dozen elements each. */
const LIMIT_BYTES = 128 << 20
const ELEMENTS = 2_500_000

const BODY: Uint8Array = new TextEncoder().encode(
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>' +
    "<getlastmodified/></prop></propfind>",
)

/** The properties of a resource, and with depth 1 also of all that is directly in it. Fails with `not-found`. */
export const propfind: (
  http: HttpOptions,
  url: URL,
  depth: 0 | 1,
  subject: Pick<Operation, "doing" | "name">,
) => Effect.Effect<Found, StoreError> = Effect.fnUntraced(function* (http, url, depth, { doing, name }) {
  const { body, headers } = yield* send(http, {
    doing,
    name,
    method: "PROPFIND",
    url,
    headers: { depth: String(depth), "content-type": "application/xml; charset=utf-8" },
    body: { length: BODY.length, parts: () => [BODY] },
    expect: [207],
    want: () => ({ limit: LIMIT_BYTES }),
  })
  const resources = yield* Effect.try({
    try: () => parseMultistatus(new TextDecoder("utf-8", { fatal: true }).decode(body), url),
    catch: (cause) => {
      const why = cause instanceof XmlError ? cause.message : "it is not text in UTF-8"
      const operation = { doing, name, location: http.location }
      return operationError(operation, "io", `the server's listing cannot be read: ${why}`)
    },
  })
  const now = Date.parse(headers.get("date") ?? "")
  return { resources, ...(Number.isNaN(now) ? {} : { now }) }
})

const childrenOf = (element: XmlElement, name: string): ReadonlyArray<XmlElement> =>
  element.children.filter((child) => child.name === `DAV: ${name}`)

/** The resources of a `multistatus` element. Throws {@link XmlError}. */
export const parseMultistatus = (source: string, base: URL): ReadonlyArray<Resource> => {
  const root = parseXml(source, { elements: ELEMENTS })
  if (root.name !== "DAV: multistatus") throw new XmlError("it is not a multistatus")
  return childrenOf(root, "response").flatMap((response): ReadonlyArray<Resource> => {
    const href = childrenOf(response, "href")[0]?.text.trim() ?? ""
    if (href === "" || !URL.canParse(href, base)) throw new XmlError("a resource has no address")
    const path = beneath(base, new URL(href, base))
    if (path === undefined || path.length > 1) throw new XmlError("it has addresses that lie elsewhere")
    const status = childrenOf(response, "status")[0]?.text.trim() ?? "HTTP/1.1 200"
    // 404: it was removed meanwhile.
    if (/^HTTP\/\S+ 404\b/.test(status)) return []
    if (!/^HTTP\/\S+ 200\b/.test(status)) throw new XmlError("the server does not show one of the resources")
    return [{ path, ...readProperties(response) }]
  })
}

const readProperties = (response: XmlElement): Omit<Resource, "path"> => {
  const props = childrenOf(response, "propstat")
    .filter((one) => /^HTTP\/\S+ 200\b/.test(childrenOf(one, "status")[0]?.text.trim() ?? ""))
    .flatMap((one) => childrenOf(one, "prop"))
  const textOf = (name: string): string => props.flatMap((prop) => childrenOf(prop, name))[0]?.text.trim() ?? ""
  const collection = props.some((prop) =>
    childrenOf(prop, "resourcetype").some((type) => childrenOf(type, "collection").length > 0)
  )
  const length = textOf("getcontentlength")
  const size = /^\d{1,15}$/.test(length) ? Number(length) : undefined
  const modified = Date.parse(textOf("getlastmodified"))
  return {
    collection,
    ...(collection || size === undefined ? {} : { size }),
    ...(Number.isNaN(modified) ? {} : { modified }),
  }
}
