/** Requests of one file that run at the same time: order, number, failure, stopping. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { pipelined } from "../../../../adapters/store/sftp/pipelined.ts"

/** Jobs that end in a later turn. `started` has the numbers of those that were started. */
const makeJobs = (count: number, run: (number: number) => void = () => {}) => {
  const started: Array<number> = []
  let [now, most] = [0, 0]
  function* jobs() {
    for (let number = 0; number < count; number++) {
      yield async () => {
        started.push(number)
        most = Math.max(most, ++now)
        await new Promise((resolve) => setImmediate(resolve))
        now--
        run(number)
      }
    }
  }
  return { jobs: jobs(), started, most: () => most }
}

describe("requests of one file over SFTP", () => {
  it("start in order, 64 at once", async () => {
    const { jobs, most, started } = makeJobs(200)
    await pipelined(jobs)
    assert.deepEqual(started, Array.from({ length: 200 }, (_, i) => i))
    assert.equal(most(), 64)
  })

  it("reject with the first failure, and start no more after it", async () => {
    const { jobs, started } = makeJobs(1000, (number) => {
      if (number === 10) throw new Error("request 10")
    })
    await assert.rejects(pipelined(jobs), /request 10/)
    // The ten before it made room for ten more.
    assert.ok(started.length <= 64 + 10, `${started.length} requests were started`)
  })

  it("stop when they are told", async () => {
    let stop = false
    const { jobs, started } = makeJobs(1000, (number) => {
      stop ||= number === 100
    })
    await pipelined(jobs, () => stop)
    assert.ok(started.length <= 100 + 64, `${started.length} requests were started`)
  })
})
