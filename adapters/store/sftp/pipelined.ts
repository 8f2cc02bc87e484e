/** Runs many requests of one file at the same time. */

/**
 * Requests of one file that are under way at once, 2 MiB together: with a round trip of 50 ms that still allows 40
 * MB/s.
 */
const REQUESTS = 64

/**
 * Runs the jobs, which start in order, many at once. When one fails, or `stopped` turns true, no more are started.
 * Resolves when none is under way; rejects with what the first failed with.
 */
export const pipelined = async (
  jobs: Iterator<() => Promise<void>>,
  stopped: () => boolean = () => false,
): Promise<void> => {
  let failed = false
  const work = async (): Promise<void> => {
    while (!failed && !stopped()) {
      const { done, value } = jobs.next()
      if (done) return
      try {
        await value()
      } catch (cause) {
        failed = true
        throw cause
      }
    }
  }
  const workers = Array.from({ length: REQUESTS }, work)
  // Rejects with the first failure in time, but before the other requests are over. So it is awaited last.
  const all = Promise.all(workers)
  all.catch(() => {})
  await Promise.allSettled(workers)
  await all
}
