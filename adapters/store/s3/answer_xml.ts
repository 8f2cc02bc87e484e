/** Finds its way in the XML that S3 answers with. Servers disagree on the namespace, so names are taken without it. */
import type { XmlElement } from "../http/xml.ts"

/** The name of an element without its namespace. */
export const localName = ({ name }: XmlElement): string => name.slice(name.lastIndexOf(" ") + 1)

/** The text of a child, when there is exactly one of that name. */
export const childText = (element: XmlElement, name: string): string | undefined => {
  const found = element.children.filter((child) => localName(child) === name)
  return found.length === 1 ? found[0]!.text : undefined
}
