/** Listings of directories in HTML, as nginx, Apache, Caddy and Python's `http.server` make them. */

/** The start of an element that links somewhere, and its attributes. */
const ANCHOR = /<a\s([^<>]{1,8192})>/gi
const HREF = /(?:^|\s)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`]+))/i
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }

/** Where the links of a page lead, as they are written. Undefined when the page has no end: it is cut, or no page. */
export const linksOf = (page: string): ReadonlyArray<string> | undefined => {
  if (!/<\/html>\s*$/i.test(page.slice(-1024))) return undefined
  const links: Array<string> = []
  for (const [, attributes] of withoutComments(page).matchAll(ANCHOR)) {
    const match = HREF.exec(attributes!)
    const href = match?.[1] ?? match?.[2] ?? match?.[3]
    if (href !== undefined) {
      links.push(href.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(lt|gt|amp|quot|apos));/gi, character))
    }
  }
  return links
}

/** In one pass: a pattern would look for the end of each comment that has none to the end of the page. */
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

const character = (all: string, decimal?: string, hex?: string, name?: string): string => {
  if (name !== undefined) return ENTITIES[name.toLowerCase()]!
  const point = decimal !== undefined ? Number(decimal) : parseInt(hex!, 16)
  return point <= 0x10ffff ? String.fromCodePoint(point) : all
}
