/** nginx with WebDAV and listings. Debian: nginx-light, libnginx-mod-http-dav-ext. */
import { existsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { Effect, type Scope } from "effect"
import { freePort, programPath, runServer, serverFolder } from "./process.ts"
import { addressesOf, prepareFolder, type WebServer } from "./web_server.ts"

const MODULE = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so"
const program = programPath("nginx")

/** Why the server cannot be started here; undefined if it can. */
export const nginxMissing: string | undefined = program === undefined
  ? "nginx is not installed"
  : existsSync(MODULE)
  ? undefined
  : "libnginx-mod-http-dav-ext is not installed"

const configuration = (folder: string, port: number): string => `
load_module ${MODULE};
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/log/error;
events { worker_connections 256; }
http {
  access_log off; client_max_body_size 0; default_type application/octet-stream;
  client_body_temp_path ${folder}/tmp/body; proxy_temp_path ${folder}/tmp/proxy;
  fastcgi_temp_path ${folder}/tmp/fastcgi;
  uwsgi_temp_path ${folder}/tmp/uwsgi; scgi_temp_path ${folder}/tmp/scgi;
  server {
    listen 127.0.0.1:${port};
    location /dav/ {
      alias ${folder}/data/; auth_basic x; auth_basic_user_file ${folder}/passwords;
      dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; dav_access user:rw group:r all:r;
    }
    location /files/ { alias ${folder}/data/; autoindex on; }
    location /locked/ { alias ${folder}/data/; autoindex on; auth_basic x; auth_basic_user_file ${folder}/passwords; }
  }
}
`

/** Starts a server on a free port. */
export const nginx: Effect.Effect<WebServer, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* serverFolder
  const port = yield* Effect.promise(freePort)
  yield* Effect.promise(async () => {
    await prepareFolder(folder)
    await mkdir(join(folder, "tmp/body"))
    await writeFile(join(folder, "nginx.conf"), configuration(folder, port))
  })
  const server = yield* runServer(
    program ?? "nginx",
    ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "log/error")],
    port,
  )
  return { ...server, ...addressesOf(port, folder) }
})
