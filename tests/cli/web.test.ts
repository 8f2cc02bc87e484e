/** Repositories over WebDAV, and on plain web servers, through the whole command. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { nginx, nginxMissing } from "../servers/nginx.ts"
import { python, pythonMissing } from "../servers/python.ts"
import { serverFolder } from "../servers/process.ts"
import { PASSWORD, USER } from "../servers/web_server.ts"
import { skipIf } from "../skip.ts"
import { type Ended, inDirectory, runScript } from "./spawn.ts"

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url).href)
const run = async (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  code = 0,
): Promise<Ended> => {
  const ended = await runScript(main, args, { env: { PENSTOCK_PASSWORD: "secret", ...env } })
  assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}`)
  for (const word of [PASSWORD, btoa(`${USER}:${PASSWORD}`)]) {
    assert.ok(!`${ended.stdout}${ended.stderr}`.includes(word), "the password is in what it prints")
  }
  return ended
}

const content = new Uint8Array(1_500_000).map((_, i) => (i * 2654435761) >>> 13)
const plant = (at: (name: string) => string): void => {
  mkdirSync(at("src/d"), { recursive: true })
  writeFileSync(at("src/d/big"), content)
  writeFileSync(at("src/small"), "hello")
}
const restored = async (
  at: (name: string) => string,
  repo: string,
  target: string,
  env?: Readonly<Record<string, string>>,
): Promise<void> => {
  await run(["restore", "-r", repo, "--target", at(target)], env)
  assert.deepEqual(new Uint8Array(readFileSync(at(`${target}/d/big`))), content)
  assert.equal(readFileSync(at(`${target}/small`), "utf8"), "hello")
}

const scoped = (effect: Effect.Effect<void, never, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(effect))

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
          await restored(at, repo, "out1", env)
          await restored(at, `${files}deep/repo`, "out2")
          const http = { PENSTOCK_HTTP_USER: USER, PENSTOCK_HTTP_PASSWORD: PASSWORD }
          await run(["check", "-r", `${locked}deep/repo`], http)
          await run(["snapshots", "-r", `${locked}deep/repo`], http)

          assert.match((await run(["ls", "-r", repo], {}, 1)).stderr, /PENSTOCK_WEBDAV_PASSWORD/)
          const wrong = await run(["ls", "-r", repo], { PENSTOCK_WEBDAV_PASSWORD: "other" }, 1)
          assert.match(wrong.stderr, /^penstock: Cannot .*password.*\n$/)
          const inside = await run(["ls", "-r", repo.replace("@", `:${PASSWORD}@`)], {}, 1)
          assert.match(inside.stderr, /leave it out/)
          const refused = await run(["backup", "-r", `${files}deep/repo`, at("src")], {}, 1)
          assert.match(refused.stderr, /read-only/)
          await run(["ls", "-r", `http://127.0.0.1:${port}/files/nothing`], {}, 10)
        })))
    ),
)

test(
  ...skipIf(pythonMissing, "bkp and rozen: restore from python3 -m http.server, with and without a manifest"),
  () =>
    inDirectory((at) =>
      scoped(Effect.gen(function* () {
        const folder = yield* serverFolder
        const url = yield* python(folder)
        yield* Effect.promise(async () => {
          plant(at)
          for (const format of ["bkp", "rozen"]) {
            await run(["backup", "--init", "-r", at(format), "--format", format, at("src")])
            cpSync(at(format), join(folder, format), { recursive: true })
            if (format === "bkp") await restored(at, `${url}${format}`, "listed")
            const find = "find . -type f ! -path './tmp/*' -printf '%s %P\\n' > OBJECTS.txt"
            assert.equal(spawnSync("sh", ["-c", find], { cwd: join(folder, format) }).status, 0)
            await restored(at, `${url}${format}`, `out-${format}`)
          }
        })
      }))
    ),
)
