import { describe } from "node:test"
import { Effect } from "effect"
import { nginx, nginxMissing } from "../../../servers/nginx.ts"
import { skipIf } from "../../../skip.ts"
import { storeSuite } from "../../../suites/store/contract.ts"
import { openNewCollection } from "./open.ts"

describe(...skipIf(nginxMissing, "webdavStore on nginx"), () => {
  storeSuite("webdavStore", Effect.flatMap(nginx, (server) => openNewCollection(server)))
})
