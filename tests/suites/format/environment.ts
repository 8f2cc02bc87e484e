/** What a format needs around it. */
import { Effect, References, type Scope } from "effect"
import { sqliteEngine } from "../../../adapters/catalog/sqlite.ts"
import { nativeAgePayload } from "../../../adapters/kernels/age.ts"
import { nativeEd25519 } from "../../../adapters/kernels/ed25519.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { nativeScrypt } from "../../../adapters/kernels/scrypt.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { AgePayloadCipher } from "../../../stages/encrypt/age_payload.ts"
import { Scrypt } from "../../../stages/encrypt/password.ts"
import { Kernels } from "../../../stages/kernel/kernel.ts"
import { Ed25519 } from "../../../stages/sign/sign.ts"

/** Everything that a repository needs, with the native kernels. Warnings are not shown. */
export const runFormat = <A, E>(
  effect: Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(effect).pipe(
      Effect.provide(sqliteEngine),
      Effect.provideService(Kernels, nativeKernels),
      Effect.provideService(Scrypt, nativeScrypt),
      Effect.provideService(AgePayloadCipher, nativeAgePayload),
      Effect.provideService(Ed25519, nativeEd25519),
      Effect.provideService(References.MinimumLogLevel, "None"),
    ),
  )
