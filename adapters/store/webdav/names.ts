/** Names of objects as the server has them. */

/**
 * A name as the server has it. nginx does not list names that begin with a dot, so such components get a comma in
 * front. No name of an object has a comma.
 */
export const toServerName = (name: string): string => name.replace(/(^|\/)\./g, "$1,.")

/** A component of a name, from the server's. */
export const fromServerName = (component: string): string => component.startsWith(",.") ? component.slice(1) : component

/** The URL of an object, or of a collection by a name that ends with a slash. `root` ends with a slash. */
export const objectUrl = (root: URL, name: string): URL => new URL(root.href + toServerName(name))
