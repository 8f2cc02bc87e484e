/** The files of results. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** JSON with one line for each element of each list, so that two runs can be compared line by line. */
export const json = (results: object): string => {
  const lines = Object.entries(results).filter(([, value]) => value !== undefined).map(([key, value]) => {
    const list = Array.isArray(value) && value.length > 0
    const text = list
      ? `[\n${value.map((one) => `    ${JSON.stringify(one)}`).join(",\n")}\n  ]`
      : JSON.stringify(value)
    return `  ${JSON.stringify(key)}: ${text}`
  })
  return `{\n${lines.join(",\n")}\n}\n`
}

/** Writes `NAME.json`, `NAME.md` and, if there is a picture, `NAME.svg`. */
export const writeResults = (
  folder: string,
  results: { readonly name: string },
  markdown: string,
  svg?: string,
): void => {
  mkdirSync(folder, { recursive: true })
  const at = join(folder, results.name)
  writeFileSync(`${at}.json`, json(results))
  writeFileSync(`${at}.md`, markdown)
  if (svg !== undefined) writeFileSync(`${at}.svg`, svg)
  console.error(`Written: ${at}.json, .md${svg === undefined ? "" : ", .svg"}`)
}
