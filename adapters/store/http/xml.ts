/**
 * A small, strict reader of XML 1.0 with namespaces, for the answers of servers. It refuses a DTD, so there are no
 * entities but the five of XML. Depth, elements and attributes are limited; the caller limits the length of the text.
 */

/** An element. */
export interface XmlElement {
  /** The namespace, a space and the local name: `DAV: href`. */
  readonly name: string
  readonly children: ReadonlyArray<XmlElement>
  /** Its own text, without that of its children. */
  readonly text: string
}

/** The text is not XML, or uses what this reader refuses. */
export class XmlError extends Error {
  override readonly name = "XmlError"
}

/** Limits of a document. In memory it takes many times the length of its text. */
export interface XmlBounds {
  /** Elements in all; 50,000 by default. */
  readonly elements?: number
}

const DEPTH = 64
const ELEMENTS = 50_000
const ATTRIBUTES = 64
const NAME = /[A-Za-z_\u0080-\uffff][\w.\-\u0080-\uffff]*(?::[A-Za-z_\u0080-\uffff][\w.\-\u0080-\uffff]*)?/y
const SPACE = /[ \t\r\n]*/y
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", apos: "'", quot: '"' }

/** An element whose end tag has not come yet. */
interface OpenElement {
  readonly tag: string
  readonly name: string
  readonly namespaces: Readonly<Record<string, string>>
  readonly children: Array<XmlElement>
  text: string
}

/** Reads a document. Throws {@link XmlError}, whose message tells the place. */
export const parseXml = (source: string, { elements = ELEMENTS }: XmlBounds = {}): XmlElement => {
  let left = elements
  let at = source.startsWith("\ufeff") ? 1 : 0
  const fail = (what: string): XmlError => new XmlError(`${what} at character ${at}`)
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0] ?? ""
    at += found.length
    return found
  }
  const readName = (): string => match(NAME) || raise(fail("no name"))
  const readUntil = (end: string): string => {
    const to = source.indexOf(end, at)
    if (to < 0) throw fail(`no "${end}"`)
    const text = source.slice(at, to)
    at = to + end.length
    return text
  }
  const decodeText = (text: string): string =>
    text.replace(
      /&([^;]{0,12};?)/g,
      (_, entity: string) => characterOf(entity) ?? raise(fail(`no entity "&${entity}"`)),
    )

  const stack: Array<OpenElement> = []
  let root: XmlElement | undefined
  const endElement = (): void => {
    const { children, name, text } = stack.pop()!
    const element = { name, children, text }
    if (stack.length > 0) stack.at(-1)!.children.push(element)
    else root = element
  }
  const startElement = (): void => {
    if (root !== undefined) throw fail("a second root element")
    if (stack.length >= DEPTH) throw fail("elements are nested too deep")
    if (--left < 0) throw fail("too many elements")
    const tag = readName()
    const attributes = new Map<string, string>()
    for (;;) {
      const space = match(SPACE)
      if (source.startsWith("/>", at) || source[at] === ">") break
      if (space === "") throw fail("no space before an attribute")
      const attribute = readName()
      match(SPACE)
      if (source[at++] !== "=") throw fail("an attribute without a value")
      match(SPACE)
      const quote = source[at++]
      if (quote !== '"' && quote !== "'") throw fail("no quote")
      const value = readUntil(quote)
      if (value.includes("<") || attributes.has(attribute)) throw fail("an invalid or repeated attribute")
      if (attributes.size === ATTRIBUTES) throw fail("too many attributes")
      attributes.set(attribute, decodeText(value))
    }
    let namespaces = stack.at(-1)?.namespaces ?? {}
    for (const [attribute, value] of attributes) {
      const prefix = attribute === "xmlns" ? "" : attribute.startsWith("xmlns:") ? attribute.slice(6) : undefined
      if (prefix !== undefined) namespaces = { ...namespaces, [prefix]: value }
    }
    const colon = tag.indexOf(":")
    const prefix = colon < 0 ? "" : tag.slice(0, colon)
    const namespace = (Object.hasOwn(namespaces, prefix) ? namespaces[prefix] : undefined) ??
      (prefix === "" ? "" : raise(fail(`no namespace "${prefix}"`)))
    stack.push({ tag, name: `${namespace} ${tag.slice(colon + 1)}`, namespaces, children: [], text: "" })
    if (source[at++] === "/") {
      at++
      endElement()
    }
  }

  while (at < source.length) {
    if (source[at] !== "<") {
      const to = source.indexOf("<", at)
      const text = source.slice(at, to < 0 ? source.length : to)
      if (stack.length > 0) stack.at(-1)!.text += decodeText(text)
      else if (/[^ \t\r\n]/.test(text)) throw fail("text outside of the root element")
      at += text.length
    } else if (source.startsWith("<!--", at)) {
      at += 4
      readUntil("-->")
    } else if (source.startsWith("<![CDATA[", at)) {
      at += 9
      const text = readUntil("]]>")
      if (stack.length === 0) throw fail("text outside of the root element")
      stack.at(-1)!.text += text
    } else if (source.startsWith("<?", at)) {
      at += 2
      readUntil("?>")
    } else if (source.startsWith("<!", at)) {
      throw fail("a document type, which is refused")
    } else if (source.startsWith("</", at)) {
      at += 2
      const tag = readName()
      match(SPACE)
      if (source[at++] !== ">" || stack.at(-1)?.tag !== tag) throw fail("an end tag without its start tag")
      endElement()
    } else {
      at++
      startElement()
    }
  }
  if (root === undefined || stack.length > 0) throw fail("the document is cut off")
  return root
}

const characterOf = (entity: string): string | undefined => {
  if (!entity.endsWith(";")) return undefined
  const code = /^#(?:x([\da-fA-F]{1,6})|(\d{1,7}));$/.exec(entity)
  if (code === null) return ENTITIES[entity.slice(0, -1)]
  const point = code[1] !== undefined ? parseInt(code[1], 16) : Number(code[2])
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : undefined
}

const raise = (error: Error): never => {
  throw error
}
