/** Reads the directory listings that nginx, Apache, Caddy and Python's `http.server` make in HTML. */

/** The start of a link, and its attributes. */
const ANCHOR = /<a\s([^<>]{1,8192})>/gi
const HREF = /(?:^|\s)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`]+))/i
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }

/**
 * The targets of all links of a page, as they are written. Undefined if the page does not end as a page of HTML does.
 */
export const linksOf = (page: string): ReadonlyArray<string> | undefined => {
  if (!/<\/html>\s*$/i.test(page.slice(-1024))) return undefined
  const links: Array<string> = []
  for (const [, attributes] of withoutComments(page).matchAll(ANCHOR)) {
    const match = HREF.exec(attributes!)
    const href = match?.[1] ?? match?.[2] ?? match?.[3]
    if (href !== undefined) {
      links.push(href.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(lt|gt|amp|quot|apos));/gi, decodeReference))
    }
  }
  return links
}

/** One pass, so that time is linear: a pattern would search to the end of the page for each comment without an end. */
const withoutComments = (page: string): string => {
  const parts: Array<string> = []
  for (let at = 0;;) {
    const start = page.indexOf("<!--", at)
    const end = start < 0 ? -1 : page.indexOf("-->", start + 4)
    if (end < 0) return parts.length === 0 ? page : parts.join("") + page.slice(at)
    parts.push(page.slice(at, start))
    at = end + 3
  }
}

const decodeReference = (reference: string, decimal?: string, hex?: string, name?: string): string => {
  if (name !== undefined) return ENTITIES[name.toLowerCase()]!
  const point = decimal !== undefined ? Number(decimal) : parseInt(hex!, 16)
  return point <= 0x10ffff ? String.fromCodePoint(point) : reference
}
