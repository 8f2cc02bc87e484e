/** Making and opening a repository, with the right secrets and others. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Redacted } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { skipIf } from "../../skip.ts"
import type { Trial } from "./trial.ts"

/** Making and opening a repository, with the right secrets and others. */
export const testOpening = ({ format, inStore, secrets, traits }: Trial): void => {
  it("says why it cannot be opened or made", () =>
    inStore(() =>
      Effect.gen(function* () {
        const none = yield* Effect.flip(format.open(secrets))
        assert.deepEqual([none._tag, none.reason], ["RepositoryError", "none"])
        yield* format.create(secrets)
        const exists = yield* Effect.flip(format.create(secrets))
        assert.deepEqual([exists._tag, exists.reason], ["RepositoryError", "exists"])
      })
    ))

  const wrong = traits.wrongSecrets ?? { password: Redacted.make("correct horse ") }
  it(
    ...skipIf(typeof wrong === "string" && wrong, "does not open with wrong secrets"),
    () =>
      inStore(() =>
        Effect.gen(function* () {
          yield* format.create(secrets)
          for (const other of [wrong as Secrets, {}]) {
            const error = yield* Effect.flip(format.open(other))
            assert.deepEqual([error._tag, error.reason], ["RepositoryError", "wrong-key"])
          }
        })
      ),
  )

  it("refuses secrets that it has no use for", () =>
    inStore(() =>
      Effect.gen(function* () {
        const others: Secrets = {
          password: Redacted.make("correct horse"),
          recipients: ["age1x"],
          identities: [Redacted.make("AGE-SECRET-KEY-1X")],
          key: Redacted.make(new Uint8Array(32)),
        }
        const tries = Object.entries(others).filter(([name]) => !(name in secrets))
          .map(([name, value]): Secrets => ({ ...secrets, [name]: value }))
        assert.ok(tries.length > 0)
        const refused = ["unused-secret", "unsupported"]
        for (const more of tries) {
          const fresh = yield* memoryStore.make()
          // One that is not refused is used: without it, nothing opens.
          const error = yield* format.create(more).pipe(
            Effect.andThen(format.open(secrets)),
            Effect.flip,
            Effect.provideService(ObjectStore, fresh),
          )
          assert.ok([...refused, "wrong-key"].includes(error.reason), `${Object.keys(more)}: ${error.reason}`)
        }
        yield* format.create(secrets)
        for (const more of tries) {
          const error = yield* Effect.flip(format.open(more))
          assert.ok(refused.includes(error.reason), `${Object.keys(more)}: ${error.reason}`)
        }
      })
    ))
}
