/** What is in a collection, by PROPFIND. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../stages/store/store.ts"
import { problem } from "../http/failure.ts"
import { type HttpOptions, send } from "../http/request.ts"
import type { Subject } from "../http/status.ts"
import { beneath } from "../http/walk.ts"
import { parseXml, type XmlElement, XmlError } from "../http/xml.ts"

/** Something on the server. */
export interface Resource {
  /** Its name in the collection that was asked for; nothing for that itself. */
  readonly path: ReadonlyArray<string>
  readonly collection: boolean
  /** In bytes; absent for collections, and where the server does not say it. */
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

/** A listing is no longer than this: some 200,000 names, of some 500 bytes and a dozen elements. */
const LIMIT_BYTES = 128 << 20
const ELEMENTS = 2_500_000

const BODY: Uint8Array = new TextEncoder().encode(
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>' +
    "<getlastmodified/></prop></propfind>",
)

/** Properties of a resource, and with depth 1 of all that is right in it. Fails with `not-found`. */
export const propfind: (
  http: HttpOptions,
  url: URL,
  depth: 0 | 1,
  subject: Pick<Subject, "doing" | "name">,
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
    try: () => readMultistatus(new TextDecoder("utf-8", { fatal: true }).decode(body), url),
    catch: (cause) => {
      const why = cause instanceof XmlError ? cause.message : "it is not text"
      return problem({ doing, name, location: http.location }, "io", `the server's listing cannot be read: ${why}`)
    },
  })
  const now = Date.parse(headers.get("date") ?? "")
  return { resources, ...(Number.isNaN(now) ? {} : { now }) }
})

const all = (element: XmlElement, name: string): ReadonlyArray<XmlElement> =>
  element.children.filter((child) => child.name === `DAV: ${name}`)

/** The resources of a `multistatus` element. Throws {@link XmlError}. */
export const readMultistatus = (source: string, base: URL): ReadonlyArray<Resource> => {
  const root = parseXml(source, { elements: ELEMENTS })
  if (root.name !== "DAV: multistatus") throw new XmlError("it is no multistatus")
  return all(root, "response").flatMap((response): ReadonlyArray<Resource> => {
    const href = all(response, "href")[0]?.text.trim() ?? ""
    if (href === "" || !URL.canParse(href, base)) throw new XmlError("a resource has no address")
    const url = new URL(href, base)
    const path = beneath(base, url)
    if (path === undefined || path.length > 1) throw new XmlError("it has addresses that lie elsewhere")
    const status = all(response, "status")[0]?.text ?? "HTTP/1.1 200"
    // It vanished meanwhile.
    if (/^HTTP\/\S+ 404\b/.test(status.trim())) return []
    if (!/^HTTP\/\S+ 200\b/.test(status.trim())) throw new XmlError("a resource cannot be looked at")
    const props = all(response, "propstat")
      .filter((one) => /^HTTP\/\S+ 200\b/.test(all(one, "status")[0]?.text.trim() ?? ""))
      .flatMap((one) => all(one, "prop"))
    const text = (name: string): string => props.flatMap((prop) => all(prop, name))[0]?.text.trim() ?? ""
    const collection = props.some((prop) => all(prop, "resourcetype").some((one) => all(one, "collection").length > 0))
    const size = /^\d{1,15}$/.test(text("getcontentlength")) ? Number(text("getcontentlength")) : undefined
    const modified = Date.parse(text("getlastmodified"))
    return [{
      path,
      collection,
      ...(collection || size === undefined ? {} : { size }),
      ...(Number.isNaN(modified) ? {} : { modified }),
    }]
  })
}
