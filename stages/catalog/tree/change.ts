/** The difference between one tree and the next. */
import type { StoredEntry } from "./row.ts"

/** One step from a tree to the next. `remove` also removes everything beneath the path. */
export type TreeChange =
  | { readonly op: "put"; readonly entry: StoredEntry }
  | { readonly op: "remove"; readonly path: string }
