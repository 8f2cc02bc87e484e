/** The sources of credentials, region and endpoint, and credentials that expire. */
import assert from "node:assert/strict"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { Cause, Effect, Exit, type Scope } from "effect"
import { s3Store } from "../../../../adapters/store/s3/s3.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { temporaryDirectory } from "../local/directory.ts"
import { empty, KEYS, refuse, reply, type Scripted, scripted, withVariables } from "./scripted.ts"

const runScoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect as Effect.Effect<A, never, Scope.Scope>))

/** An environment without keys, and a home directory with only the files that a test writes. */
const home = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const at = (name: string) => join(directory, name)
  yield* withVariables({
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_CONFIG_FILE: at("config"),
    AWS_SHARED_CREDENTIALS_FILE: at("credentials"),
    AWS_EC2_METADATA_DISABLED: "true",
  })
  return at
})

const signingKey = (server: Scripted): string | undefined =>
  /Credential=([^/]*)\//.exec(String(server.seen.at(-1)?.headers.authorization))?.[1]
const regionOf = (server: Scripted): string | undefined =>
  /Credential=[^/]*\/\d+\/([^/]*)\//.exec(String(server.seen.at(-1)?.headers.authorization))?.[1]

test("a profile gives keys, region and endpoint; the location and the environment come first", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    const at = yield* home
    const here = `http://127.0.0.1:${server.port}`
    writeFileSync(
      at("config"),
      `[default]\nregion = eu-default-1\n\n` +
        `[profile work]\nregion=eu-work-1\nendpoint_url = ${here}\n# end\n[profile other]\nregion = eu-other-1\n`,
    )
    writeFileSync(
      at("credentials"),
      "[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = s1\n" +
        "[work]\naws_access_key_id = AKWORK\naws_secret_access_key = s2\naws_session_token = t2\n",
    )
    yield* s3Store.make("s3://bucket?profile=work")
    assert.deepEqual([signingKey(server), regionOf(server)], ["AKWORK", "eu-work-1"])
    assert.equal(server.seen.at(-1)!.headers["x-amz-security-token"], "t2")
    assert.match(server.seen.at(-1)!.url, /^\/bucket\?/)
    yield* s3Store.make(`s3:${here}/bucket`)
    assert.deepEqual([signingKey(server), regionOf(server)], ["AKDEFAULT", "eu-default-1"])
    yield* withVariables({ AWS_CONFIG_FILE: at("config"), AWS_PROFILE: "work", AWS_REGION: "eu-env-1" })
    yield* s3Store.make("s3://bucket")
    assert.deepEqual([signingKey(server), regionOf(server)], ["AKWORK", "eu-env-1"])
    yield* withVariables({ ...KEYS, AWS_CONFIG_FILE: at("config"), AWS_ENDPOINT_URL_S3: `${here}/` })
    yield* s3Store.make("s3://bucket?region=eu-url-1")
    assert.deepEqual([signingKey(server), regionOf(server)], [KEYS.AWS_ACCESS_KEY_ID, "eu-url-1"])
    yield* s3Store.make("s3://bucket?profile=work")
    assert.equal(signingKey(server), "AKWORK")
  })))

/** A profile whose keys are printed by a program: new ones each time, valid for an hour. */
const printingProfile = (at: (name: string) => string): void => {
  writeFileSync(
    at("print.sh"),
    `#!/bin/sh
n=$(cat '${at("count")}' 2>/dev/null || echo 0)
n=$((n + 1))
echo $n > '${at("count")}'
echo "{\\"Version\\":1,\\"AccessKeyId\\":\\"AKPRINTED$n\\",\\"SecretAccessKey\\":\\"printed-secret\\",\\"SessionToken\\":\\"printed-token\\",\\"Expiration\\":\\"2099-01-01T00:00:00Z\\"}"
`,
  )
  writeFileSync(at("config"), `[profile printed]\ncredential_process = /bin/sh ${at("print.sh")}\n`)
}

const noShell = existsSync("/bin/sh") ? undefined : "there is no /bin/sh"
const skip = noShell === undefined ? {} : { skip: noShell }

test(
  "expired credentials are fetched anew, once per request",
  skip,
  () =>
    runScoped(Effect.gen(function* () {
      const server = yield* scripted
      const at = yield* home
      printingProfile(at)
      const store = yield* s3Store.make(`s3:http://127.0.0.1:${server.port}/bucket?profile=printed`)
      assert.equal(signingKey(server), "AKPRINTED1")
      server.answer(refuse(400, "ExpiredToken"), reply(200, "hello"))
      assert.deepEqual(yield* store.get("x", { atMost: Infinity }), new TextEncoder().encode("hello"))
      assert.equal(signingKey(server), "AKPRINTED2")
      assert.equal(readFileSync(at("count"), "utf8"), "2\n")
      server.answer(refuse(400, "ExpiredToken"))
      const before = server.seen.length
      const error = yield* Effect.flip(store.get("x", { atMost: Infinity }))
      assert.equal(error.reason, "denied")
      assert.match(error.message, /the credentials have expired/)
      assert.equal(server.seen.length, before + 2)
    })),
)

const failure = (location: string): Effect.Effect<StoreError & { shown: string }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(s3Store.make(location))
    assert.ok(Exit.isFailure(exit), "it succeeded")
    const error = yield* Effect.flip(exit).pipe(Effect.catch(() => Effect.die("it succeeded")))
    return Object.assign(error, {
      shown: `${Cause.pretty(exit.cause)} ${JSON.stringify(error)} ${String(error.cause)}`,
    })
  })

test(
  "missing credentials are reported in one sentence, which does not repeat the output of a program",
  skip,
  () =>
    runScoped(Effect.gen(function* () {
      const server = yield* scripted
      const at = yield* home
      const here = `s3:http://127.0.0.1:${server.port}/bucket`
      const none = yield* failure(here)
      assert.equal(none.reason, "denied")
      assert.match(none.message, /^No credentials for s3:.*: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/)
      const unknown = yield* failure(`${here}?profile=nobody`)
      assert.match(unknown.message, /the profile "nobody" of ~\/\.aws gives none/)
      writeFileSync(at("bad.sh"), "echo printed-secret; echo printed-secret >&2; exit 1\n")
      writeFileSync(at("config-2"), `[profile bad]\ncredential_process = /bin/sh ${at("bad.sh")} argument-secret\n`)
      yield* withVariables({ AWS_CONFIG_FILE: at("config-2") })
      const bad = yield* failure(`${here}?profile=bad`)
      assert.equal(bad.reason, "denied")
      assert.doesNotMatch(bad.shown, /printed-secret|argument-secret/)
      assert.equal(server.seen.length, 0)
      yield* withVariables({ AWS_REGION: "no such/region", ...KEYS })
      assert.equal((yield* failure(here)).reason, "invalid")
    })),
)

test("keys in the environment need no files and no package", () =>
  runScoped(Effect.gen(function* () {
    const server = yield* scripted
    server.answer(empty)
    yield* withVariables(KEYS)
    const store = yield* s3Store.make(`s3:http://127.0.0.1:${server.port}/bucket`)
    assert.equal(signingKey(server), KEYS.AWS_ACCESS_KEY_ID)
    assert.equal(store.properties.location, `s3:http://127.0.0.1:${server.port}/bucket`)
    assert.equal(process.env["AWS_PROFILE"], undefined)
  })))
