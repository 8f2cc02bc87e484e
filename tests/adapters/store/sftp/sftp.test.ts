import { existsSync } from "node:fs"
import { after, before, test } from "node:test"
import { Effect } from "effect"
import { sftpStore } from "../../../../adapters/store/sftp/sftp.ts"
import { noSshd, type Sshd, startSshd } from "../../../servers/sshd.ts"
import { storeSuite } from "../../../suites/store/contract.ts"

if (noSshd === undefined) {
  let sshd: Sshd
  before(async () => {
    // In memory if possible, because each of thousands of files is synced. The session keys are renewed often.
    sshd = await startSshd({ config: ["RekeyLimit 16M"], ...(existsSync("/dev/shm") ? { parent: "/dev/shm" } : {}) })
  })
  after(() => sshd.stop())
  let stores = 0
  storeSuite(
    "sftpStore",
    Effect.suspend(() => sftpStore.make(sshd.location(`store-${stores++}`), { create: true, config: "/dev/null" })),
  )
} else test("sftpStore as an object store", { skip: noSshd }, () => {})
