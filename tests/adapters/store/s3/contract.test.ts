/** The contract of stores on a real server: Ceph's gateway. */
import { describe } from "node:test"
import { Effect } from "effect"
import { s3Store } from "../../../../adapters/store/s3/s3.ts"
import { noCeph } from "../../../servers/ceph.ts"
import { cephForTests } from "../../../servers/ceph_for_tests.ts"
import { storeSuite } from "../../../suites/store/contract.ts"

const ceph = cephForTests()
let buckets = 0

/** A bucket for each test, and a prefix with characters that must be encoded. */
const openBucket = Effect.suspend(() =>
  s3Store.make(`s3:${ceph().endpoint}/b-${buckets++}/a%20b+c/ä=%25`, { create: true })
)

describe("on Ceph", { ...(noCeph === undefined ? {} : { skip: noCeph }) }, () => {
  storeSuite("s3Store", openBucket)
})
