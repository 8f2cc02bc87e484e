/** A Ceph cluster for the tests of one file. */
import process from "node:process"
import { after, before } from "node:test"
import { type Ceph, noCeph, startCeph } from "./ceph.ts"

/**
 * Starts a cluster before the tests of the calling file, if there is a server here, and stops it after them. Its keys
 * are in the environment meanwhile. Gives the running cluster, within tests.
 */
export const cephForTests = (): () => Ceph => {
  let ceph: Ceph | undefined
  before(async () => {
    if (noCeph !== undefined) return
    ceph = await startCeph()
    process.env["AWS_ACCESS_KEY_ID"] = ceph.accessKey
    process.env["AWS_SECRET_ACCESS_KEY"] = ceph.secretKey
  })
  after(async () => {
    await ceph?.stop()
  })
  return () => ceph!
}
