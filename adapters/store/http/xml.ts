/**
 * A small strict reader of XML 1.0 with namespaces, as answers of servers need it: no DTD, so no entities but the five
 * of XML.
 */

/** An element. */
export interface XmlElement {
  /** The namespace, then a space, then the local name: `DAV: href`. */
  readonly name: string
  readonly children: ReadonlyArray<XmlElement>
  /** Its own text, without that of elements in it. */
  readonly text: string
}

/** It is not XML, or not of the kind that is read here. */
export class XmlError extends Error {
  override readonly name = "XmlError"
}

/** How much a document may hold: what it becomes in memory is many times as long as its text. */
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

interface Open {
  readonly tag: string
  readonly name: string
  readonly namespaces: Readonly<Record<string, string>>
  readonly children: Array<XmlElement>
  text: string
}

/** Reads a document. Throws {@link XmlError}. */
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
  const name = (): string => match(NAME) || raise(fail("no name"))
  const until = (end: string): string => {
    const to = source.indexOf(end, at)
    if (to < 0) throw fail(`no "${end}"`)
    const text = source.slice(at, to)
    at = to + end.length
    return text
  }
  const plain = (text: string): string =>
    text.replace(
      /&([^;]{0,12};?)/g,
      (_, entity: string) => characterOf(entity) ?? raise(fail(`no entity "&${entity}"`)),
    )

  const stack: Array<Open> = []
  let root: XmlElement | undefined
  const close = (): void => {
    const { children, name, text } = stack.pop()!
    const element = { name, children, text }
    if (stack.length > 0) stack.at(-1)!.children.push(element)
    else root = element
  }
  const open = (): void => {
    if (root !== undefined) throw fail("a second root")
    if (stack.length >= DEPTH) throw fail("too many elements in each other")
    if (--left < 0) throw fail("too many elements")
    const tag = name()
    const attributes = new Map<string, string>()
    for (;;) {
      const space = match(SPACE)
      if (source.startsWith("/>", at) || source[at] === ">") break
      if (space === "") throw fail("no space before an attribute")
      const attribute = name()
      match(SPACE)
      if (source[at++] !== "=") throw fail("no value of an attribute")
      match(SPACE)
      const quote = source[at++]
      if (quote !== '"' && quote !== "'") throw fail("no quote")
      const value = until(quote)
      if (value.includes("<") || attributes.has(attribute)) throw fail("not an attribute")
      if (attributes.size === ATTRIBUTES) throw fail("too many attributes")
      attributes.set(attribute, plain(value))
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
      close()
    }
  }

  while (at < source.length) {
    if (source[at] !== "<") {
      const to = source.indexOf("<", at)
      const text = source.slice(at, to < 0 ? source.length : to)
      if (stack.length > 0) stack.at(-1)!.text += plain(text)
      else if (/[^ \t\r\n]/.test(text)) throw fail("text outside of the root")
      at += text.length
    } else if (source.startsWith("<!--", at)) {
      at += 4
      until("-->")
    } else if (source.startsWith("<![CDATA[", at)) {
      at += 9
      const text = until("]]>")
      if (stack.length === 0) throw fail("text outside of the root")
      stack.at(-1)!.text += text
    } else if (source.startsWith("<?", at)) {
      at += 2
      until("?>")
    } else if (source.startsWith("<!", at)) {
      throw fail("a document type")
    } else if (source.startsWith("</", at)) {
      at += 2
      const tag = name()
      match(SPACE)
      if (source[at++] !== ">" || stack.at(-1)?.tag !== tag) throw fail("an end without a beginning")
      close()
    } else {
      at++
      open()
    }
  }
  if (root === undefined || stack.length > 0) throw fail("no end")
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
