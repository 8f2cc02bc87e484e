/** Opens the WebDAV store on a test server. */
import { Effect, Redacted } from "effect"
import type { ClaimOptions } from "../../../../adapters/store/webdav/claim.ts"
import { openWebdav, type WebdavStoreOptions } from "../../../../adapters/store/webdav/webdav.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { PASSWORD, USER, type WebServer } from "../../../servers/web_server.ts"

/** Opens a store in a new collection. */
export const openNewCollection = (
  { dav }: Pick<WebServer, "dav">,
  options: WebdavStoreOptions = {},
  claims?: ClaimOptions,
): Effect.Effect<ObjectStore, StoreError> =>
  openWebdav(
    `webdav+${dav}one/two`,
    { create: true, login: { user: USER, password: Redacted.make(PASSWORD) }, ...options },
    claims,
  )
