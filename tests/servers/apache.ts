/** Apache with WebDAV and listings. Debian: apache2. */
import { existsSync } from "node:fs"
import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { Effect, type Scope } from "effect"
import { freePort, programPath, runServer, serverFolder } from "./process.ts"
import { addressesOf, prepareFolder, type WebServer } from "./web_server.ts"

const MODULES = "/usr/lib/apache2/modules"
const modules = [
  ...["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "alias", "autoindex", "dir"],
  ...["dav", "dav_fs"],
]
const program = programPath("apache2")

/** Why the server cannot be started here; undefined if it can. */
export const apacheMissing: string | undefined = program === undefined
  ? "apache2 is not installed"
  : existsSync(join(MODULES, "mod_dav_fs.so"))
  ? undefined
  : "the modules of apache2 are not where Debian has them"

const configuration = (folder: string, port: number): string => `
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/tmp/pid
ErrorLog ${folder}/log/error
Mutex file:${folder}/tmp default
${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join("\n")}
${process.getuid?.() === 0 ? "User www-data\nGroup www-data" : ""}
DocumentRoot ${folder}/none
DavLockDB ${folder}/tmp/locks
AllowEncodedSlashes On
Alias /dav ${folder}/data
Alias /files ${folder}/data
Alias /locked ${folder}/data
<Location /dav>
  Dav On
  AuthType Basic
  AuthName x
  AuthUserFile ${folder}/passwords
  Require valid-user
</Location>
<Location /files>
  Options +Indexes
  IndexOptions FancyIndexing HTMLTable
  Require all granted
</Location>
<Location /locked>
  Options +Indexes
  AuthType Basic
  AuthName x
  AuthUserFile ${folder}/passwords
  Require valid-user
</Location>
`

/** Starts a server on a free port. */
export const apache: Effect.Effect<WebServer, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* serverFolder
  const port = yield* Effect.promise(freePort)
  yield* Effect.promise(async () => {
    await prepareFolder(folder)
    await mkdir(join(folder, "none"))
    await chmod(join(folder, "none"), 0o755)
    await writeFile(join(folder, "apache.conf"), configuration(folder, port))
  })
  const server = yield* runServer(program ?? "apache2", ["-f", join(folder, "apache.conf"), "-DFOREGROUND"], port)
  return { ...server, ...addressesOf(port, folder) }
})
