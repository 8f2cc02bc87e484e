/** What the entry points of the package export, as `deno doc` sees it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { entryPoints, root, run } from "./checkout.ts"

interface JsDoc {
  readonly doc?: string
  readonly tags?: ReadonlyArray<{ readonly kind: string; readonly doc?: string }>
}
interface DenoDoc {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: ReadonlyArray<{
        readonly name: string
        readonly declarations: ReadonlyArray<{
          readonly kind: string
          readonly location: { readonly filename: string; readonly line: number }
          readonly jsDoc?: JsDoc
        }>
      }>
    }>
  >
}

/** An exported name. */
export interface Export {
  readonly name: string
  /** Whether it exists at run time. */
  readonly value: boolean
  /** Where it is declared: path in the checkout and line. */
  readonly place: string
  readonly documented: boolean
  /** The examples of its docstring, each with its title and its code. */
  readonly examples: ReadonlyArray<{ readonly title: string; readonly source: string }>
}

const TYPES = ["interface", "typeAlias"]

/** The exports of an entry point, sorted by name. */
export const exportsOf = (entryPoint: string): ReadonlyArray<Export> => {
  const printed = run(join(root, "node_modules/.bin/deno"), ["doc", "--json", entryPoint], root)
  const { nodes } = JSON.parse(printed) as DenoDoc
  // A class may be exported as a type only, which `deno doc` does not tell.
  const source = readFileSync(join(root, entryPoint), "utf8")
  const types = new Set(
    [...source.matchAll(/export type \{([^}]*)\}/g)].flatMap(([, names]) => names!.match(/\w+/g) ?? []).concat(
      [...source.matchAll(/\btype (\w+)/g)].map(([, name]) => name!),
    ),
  )
  return Object.values(nodes).flatMap(({ symbols }) =>
    symbols.map(({ declarations, name }): Export => {
      const [{ location }] = declarations as [typeof declarations[number]]
      const tags = declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? []).filter(({ kind }) => kind === "example")
      return {
        name,
        value: !types.has(name) && declarations.some(({ kind }) => !TYPES.includes(kind)),
        place: `${location.filename.replace(/^file:\/\//, "").slice(root.length + 1)}:${location.line}`,
        documented: declarations.some(({ jsDoc }) => (jsDoc?.doc ?? "") !== ""),
        examples: tags.map(({ doc = "" }) => ({
          title: doc.split("\n")[0]!.trim(),
          source: [...doc.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => match[1]!).join("\n"),
        })),
      }
    })
  ).sort((a, b) => a.name < b.name ? -1 : 1)
}

/** The names of all entry points, values and types apart: what `exports.json` pins. */
export const pinned = (): Readonly<Record<string, { readonly values: string[]; readonly types: string[] }>> =>
  Object.fromEntries(
    Object.entries(entryPoints).map(([subpath, source]) => {
      const all = exportsOf(source)
      const names = (value: boolean) => all.filter((one) => one.value === value).map(({ name }) => name)
      return [subpath, { values: names(true), types: names(false) }]
    }),
  )
