import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { nginx, nginxMissing } from "../../servers/nginx.ts"
import { PASSWORD, USER } from "../../servers/web_server.ts"
import { skipIf } from "../../skip.ts"
import { inDirectory } from "../process/spawn.ts"
import { plant, restored, run, scoped } from "../process/web.ts"

test(
  ...skipIf(nginxMissing, "rozen: backup over WebDAV, restore from there and from listings of nginx"),
  () =>
    inDirectory((at) =>
      scoped(Effect.flatMap(nginx, ({ dav, files, locked, port }) =>
        Effect.promise(async () => {
          plant(at)
          const env = { PENSTOCK_WEBDAV_PASSWORD: PASSWORD }
          const repo = `webdav+${dav.replace("//", `//${USER}@`)}deep/repo`
          await run(["backup", "--init", "-r", repo, at("src")], env)
          await run(["check", "--read-data", "-r", repo], env)
          await restored(at, `${files}deep/repo`, "out2")
          const http = { PENSTOCK_HTTP_USER: USER, PENSTOCK_HTTP_PASSWORD: PASSWORD }
          await run(["check", "-r", `${locked}deep/repo`], http)

          assert.match((await run(["ls", "-r", repo], {}, 1)).stderr, /PENSTOCK_WEBDAV_PASSWORD/)
          const wrong = await run(["ls", "-r", repo], { PENSTOCK_WEBDAV_PASSWORD: "other" }, 1)
          assert.match(wrong.stderr, /^penstock: Cannot .*password.*\n$/)
          const refused = await run(["backup", "-r", `${files}deep/repo`, at("src")], {}, 1)
          assert.match(refused.stderr, /read-only/)
          await run(["ls", "-r", `http://127.0.0.1:${port}/files/nothing`], {}, 10)
        })))
    ),
)
