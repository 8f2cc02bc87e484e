/**
 * Which Node is needed. An entry point checks it before anything else, and loads everything else by `import()`: what an
 * old Node cannot parse, or does not have, is then never looked at. So this file has no syntax that is newer than
 * modules.
 */

/** As in package.json, "engines". */
const NEEDED: readonly [major: number, minor: number] = [22, 19]

/** Ends the process, with a sentence that says which Node is needed, when this one is older. */
export const checkNode = (): void => {
  // Without an import: Node before 14.18 does not know `node:process`.
  const { process } = globalThis
  // Deno and Bun say that they are some Node, too.
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return
  const [major, minor] = process.versions.node.split(".").map(Number)
  if (major! > NEEDED[0] || (major === NEEDED[0] && minor! >= NEEDED[1])) return
  process.stderr.write(
    "penstock: this is Node " + process.versions.node + ", and Penstock needs " + NEEDED.join(".") +
      " or later: install that, or run it with Deno or Bun\n",
  )
  process.exit(1)
}
