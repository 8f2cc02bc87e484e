/**
 * The version of Node that is needed. An entry point checks it first and loads everything else by `import()`, so that
 * an old Node never sees code that it cannot parse. This file therefore uses no syntax that is newer than modules.
 */

/** The same as "engines" in package.json. */
const NEEDED: readonly [major: number, minor: number] = [22, 19]

/** Ends the process with a message if this Node is too old. */
export const checkNode = (): void => {
  // Not imported: Node before 14.18 does not know `node:process`.
  const { process } = globalThis
  // Deno and Bun claim to be some version of Node, too.
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return
  const [major, minor] = process.versions.node.split(".").map(Number)
  if (major! > NEEDED[0] || (major === NEEDED[0] && minor! >= NEEDED[1])) return
  process.stderr.write(
    "penstock: this is Node " + process.versions.node + ", and Penstock needs " + NEEDED.join(".") +
      " or later: install that, or run it with Deno or Bun\n",
  )
  process.exit(1)
}
