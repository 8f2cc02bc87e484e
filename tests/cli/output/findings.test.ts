/** The advice on damage names only what helps. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { adviceOnDamage } from "../../../cli/output/findings.ts"

const about = (...objects: ReadonlyArray<string>): string =>
  adviceOnDamage(objects.map((object) => ({ object, message: `${object} is missing`, files: [] }))).join("\n")

it("advises a rebuild for lost objects that it makes again", () => {
  for (const object of ["INDEX/a.idx", "catalog.idx", "heads/host", "config", "blobs/ab/cd/ef"]) {
    assert.match(about("catalogs/ab/cd/ef", object), /penstock rebuild makes them again/, object)
  }
})

it("advises no rebuild for objects that nothing can make again", () => {
  const advice = about("catalogs/ab/cd/ef", "extents/ab/cd/ef")
  assert.doesNotMatch(advice, /rebuild/)
  assert.match(advice, /snapshots are lost/)
  assert.match(advice, /--force/)
})

it("advises nothing if nothing is damaged", () => assert.equal(about(), ""))
