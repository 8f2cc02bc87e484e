/** The contract of stores on a real server: Ceph's gateway. */
import process from "node:process"
import { after, before, describe } from "node:test"
import { Effect } from "effect"
import { s3Store } from "../../../../adapters/store/s3/s3.ts"
import { type Ceph, noCeph, startCeph } from "../../../servers/ceph.ts"
import { storeSuite } from "../../../suites/store.ts"

let ceph: Ceph
let buckets = 0

before(async () => {
  if (noCeph !== undefined) return
  ceph = await startCeph()
  process.env["AWS_ACCESS_KEY_ID"] = ceph.accessKey
  process.env["AWS_SECRET_ACCESS_KEY"] = ceph.secretKey
})
after(async () => {
  await ceph?.stop()
})

/** A bucket for each test, and a prefix with characters that must be encoded. */
const openBucket = Effect.suspend(() =>
  s3Store.make(`s3:${ceph.endpoint}/b-${buckets++}/a%20b+c/ä=%25`, { create: true })
)

describe("on Ceph", { ...(noCeph === undefined ? {} : { skip: noCeph }) }, () => {
  storeSuite("s3Store", openBucket)
})
