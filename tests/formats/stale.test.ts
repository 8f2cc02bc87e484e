import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { ageOf } from "../../cli/selection/age.ts"
import { staleHosts } from "../../formats/stale.ts"

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 30, 12)

test("a host is stale when its newest snapshot that counts is too old", () => {
  const at = (hostname: string, hours: number) => ({
    id: `${hostname}${hours}`,
    hostname,
    time: NOW + hours * HOUR,
    username: "",
    paths: [],
    tags: [],
  })
  const snapshots = [
    at("stopped", -50),
    at("stopped", -27),
    at("works", -100),
    at("works", -26),
    at("wrong clock", -30),
    at("wrong clock", 5000),
    at("future only", 1),
  ]
  const stale = (hosts: ReadonlyArray<string>) =>
    staleHosts(snapshots, { since: NOW - 26 * HOUR, hosts, now: NOW }).map(({ hostname, newest }) => [
      hostname,
      newest?.id,
    ])
  const found = [["future only", undefined], ["stopped", "stopped-27"], ["wrong clock", "wrong clock-30"]]
  assert.deepEqual(stale([]), found)
  assert.deepEqual(stale(["works", "absent"]), [["absent", undefined], ...found])
})

test("ages are those of restic", () => {
  const ago = (text: string, now: number) => Effect.runSync(ageOf("--stale", text))(now)
  assert.equal(ago("26h", NOW), NOW - 26 * HOUR)
  const date = new Date(2026, 4, 31, 10).getTime()
  assert.equal(ago("1y2m3d4h", date), new Date(2025, 2, 28, 6).getTime())
  for (const wrong of ["", "26", "h", "0h", "-1h", "1h2h", "1.5h", "26 h", "1w"]) {
    assert.match(Effect.runSync(Effect.flip(ageOf("--stale", wrong))).message, /is not an age/, wrong)
  }
})
