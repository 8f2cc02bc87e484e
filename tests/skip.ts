/** How a test says that it is skipped, so that the reason survives on every runtime. */

/**
 * Name and options of a test that is skipped when there is a reason:
 * `test(...skipIf(reason, "keeps xattrs"), () => …)`.
 *
 * Deno and Bun drop the reason of `{ skip: reason }`, so it goes into the name too, where tests/run.ts finds it.
 */
export const skipIf = (reason: string | false | undefined, name: string): [string, { skip: string | false }] =>
  reason ? [`${name} [skip: ${reason}]`, { skip: reason }] : [name, { skip: false }]
