/** Reads the XML of answers. Servers disagree on the namespace, so names are compared without it. */
import type { XmlElement } from "../http/xml.ts"

/** The name of an element without its namespace. */
export const localName = ({ name }: XmlElement): string => name.slice(name.lastIndexOf(" ") + 1)

/** The text of the child of that name; undefined unless there is exactly one. */
export const childText = (element: XmlElement, name: string): string | undefined => {
  const found = element.children.filter((child) => localName(child) === name)
  return found.length === 1 ? found[0]!.text : undefined
}
