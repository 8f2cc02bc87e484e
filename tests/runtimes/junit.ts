/**
 * Reads the JUnit report that each runtime writes, and turns the three dialects into one list of leaf tests.
 *
 * - Node nests `<testsuite>` for suites and for tests with subtests; skip reasons are in `message`.
 * - Deno is flat: `suite > test` is the name, the suite is a `<testcase>` of its own, skip reasons are lost.
 * - Bun nests `<testsuite>` under one for the file; skip reasons and skipped suites are lost.
 */

/** The result of a test. */
export interface TestResult {
  /** The names of its suites and its own, joined with ` > `. They are the same on the three runtimes. */
  readonly name: string
  readonly outcome: "passed" | "failed" | "skipped"
  /** Why it was skipped, if the runtime says. */
  readonly reason?: string
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }

const unescape = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(parseInt(decimal, 10))
    return entities[name] ?? whole
  })

const attributesOf = (source: string): Record<string, string> => {
  const out: Record<string, string> = {}
  for (const [, key, value] of source.matchAll(/([\w-]+)="([^"]*)"/g)) out[key!] = unescape(value!)
  return out
}

const reasonOf = (attributes: Record<string, string>): string | undefined => {
  const message = attributes["message"]
  if (message === undefined || message === "true" || message === "TODO") return undefined
  return attributes["type"] === "todo" ? `to do: ${message}` : message
}

/** Parses a report. A suite that failed without a failed test in it (a hook threw) counts as a failed test. */
export const parseJunit = (xml: string): TestResult[] => {
  const cases: TestResult[] = []
  const suites: string[] = []
  let open: { name: string; outcome: TestResult["outcome"]; reason: string | undefined } | undefined
  const close = (): void => {
    if (open === undefined) return
    const { name, outcome, reason } = open
    cases.push(reason === undefined ? { name, outcome } : { name, outcome, reason })
    open = undefined
  }
  // Node does not escape `>` in attribute values, so a tag ends only outside quotes.
  const tags = xml.replace(/<!--[^]*?-->/g, "").matchAll(/<(\/?)(\w+)((?:\s+[\w-]+="[^"]*")*)\s*(\/?)>/g)
  for (const [, closing, tag, source, empty] of tags) {
    const attributes = attributesOf(source!)
    if (tag === "testsuite") {
      if (closing) suites.pop()
      else if (!empty) suites.push(isFile(attributes) ? "" : attributes["name"] ?? "")
    } else if (tag === "testcase") {
      close()
      if (closing) continue
      const name = [...suites, attributes["name"] ?? ""].filter((part) => part !== "").join(" > ")
      open = { name, outcome: "passed", reason: undefined }
      if (empty) close()
    } else if (open !== undefined && !closing) {
      if (tag === "failure" || tag === "error") open.outcome = "failed"
      if (tag === "skipped") [open.outcome, open.reason] = ["skipped", reasonOf(attributes)]
    }
  }
  // For each test that has others beneath it, whether one of those failed.
  const containers = new Map<string, boolean>()
  for (const { name, outcome } of cases) {
    for (let at = name.indexOf(" > "); at >= 0; at = name.indexOf(" > ", at + 1)) {
      const above = name.slice(0, at)
      containers.set(above, containers.get(above) === true || outcome === "failed")
    }
  }
  return cases.filter(({ name, outcome }) => {
    const childFailed = containers.get(name)
    return childFailed === undefined || outcome === "failed" && !childFailed
  })
}

/** On Deno and Bun, the outermost suite is the file. On Deno it may also be named after its own module. */
const isFile = (attributes: Record<string, string>): boolean =>
  attributes["file"] !== undefined && attributes["file"] === attributes["name"] ||
  attributes["hostname"] === undefined && /\.[mc]?[jt]s$/.test(attributes["name"] ?? "")
