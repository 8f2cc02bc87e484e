/** Small repositories on servers, through the whole command. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { PASSWORD, USER } from "../../servers/web_server.ts"
import { type Ended, runScript } from "./spawn.ts"

const main = "tests/cli/process/quick_main.ts"
/** Runs the command. It must end with that code and print no password. */
export const run = async (
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
/** Makes the files to back up. */
export const plant = (at: (name: string) => string): void => {
  mkdirSync(at("src/d"), { recursive: true })
  writeFileSync(at("src/d/big"), content)
  writeFileSync(at("src/small"), "hello")
}
/** Restores the files, and compares them. */
export const restored = async (
  at: (name: string) => string,
  repo: string,
  target: string,
  env?: Readonly<Record<string, string>>,
): Promise<void> => {
  await run(["restore", "-r", repo, "--target", at(target)], env)
  assert.deepEqual(new Uint8Array(readFileSync(at(`${target}/d/big`))), content)
  assert.equal(readFileSync(at(`${target}/small`), "utf8"), "hello")
}

/** Runs with servers, which end with the scope. */
export const scoped = (effect: Effect.Effect<void, never, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(effect))
