import { describe } from "node:test"
import { Effect } from "effect"
import { apache, apacheMissing } from "../../../servers/apache.ts"
import { skipIf } from "../../../skip.ts"
import { storeSuite } from "../../../suites/store/contract.ts"
import { openNewCollection } from "./open.ts"

describe(...skipIf(apacheMissing, "webdavStore on apache"), () => {
  storeSuite("webdavStore", Effect.flatMap(apache, (server) => openNewCollection(server)))
})
