/** Reads the XML that S3 answers with: elements and text. Anything else that XML could hold is refused. */

/** An element. Attributes are left out. */
export interface XmlElement {
  readonly name: string
  /** The text in it, without that of its children. */
  readonly text: string
  readonly children: ReadonlyArray<XmlElement>
}

/** Thrown for what is not the XML that S3 answers with. */
export class XmlError extends Error {}

const DEEPEST = 16
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: `"`, apos: "'" }
const NAME = /[A-Za-z_][\w.:-]*/y
const ATTRIBUTE = /\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*')/y

const decode = (text: string): string =>
  text.replace(/&([^;&]{0,12});|&/g, (whole: string, entity: string | undefined) => {
    if (entity === undefined) throw new XmlError("an ampersand stands alone")
    const number = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(entity)
    const code = number === null
      ? undefined
      : Number.parseInt(number[1] ?? number[2]!, number[1] === undefined ? 10 : 16)
    const found = code === undefined ? ENTITIES[entity] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined
    if (found === undefined) throw new XmlError(`${whole} is no entity`)
    return found
  })

/** The root element of a document. */
export const parseXml = (document: string): XmlElement => {
  let at = 0
  const skipMisc = (): void => {
    const misc = /(?:\s+|<\?[^>]*\?>|<!--(?:[^-]|-[^-])*-->)*/y
    misc.lastIndex = at
    at += misc.exec(document)![0].length
  }
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(document)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const expect = (text: string): void => {
    if (!document.startsWith(text, at)) throw new XmlError(`"${text}" is missing at ${at}`)
    at += text.length
  }
  const element = (depth: number): XmlElement => {
    if (depth > DEEPEST) throw new XmlError("it is nested too deep")
    expect("<")
    const name = token(NAME)
    if (name === undefined) throw new XmlError(`the name of an element is missing at ${at}`)
    while (token(ATTRIBUTE) !== undefined);
    token(/\s+/y)
    if (document.startsWith("/>", at)) {
      at += 2
      return { name, text: "", children: [] }
    }
    expect(">")
    const children: Array<XmlElement> = []
    let text = ""
    for (;;) {
      const next = document.indexOf("<", at)
      if (next < 0) throw new XmlError(`it ends within ${name}`)
      text += decode(document.slice(at, next))
      at = next
      if (document.startsWith("</", at)) {
        at += 2
        expect(name)
        token(/\s+/y)
        expect(">")
        return { name, text, children }
      }
      children.push(element(depth + 1))
    }
  }
  if (document.charCodeAt(0) === 0xfeff) at = 1
  skipMisc()
  const root = element(0)
  skipMisc()
  if (at !== document.length) throw new XmlError("something follows the end")
  return root
}

/** The text of a child, when there is exactly one of that name. */
export const childText = (element: XmlElement, name: string): string | undefined => {
  const found = element.children.filter((child) => child.name === name)
  return found.length === 1 ? found[0]!.text : undefined
}
