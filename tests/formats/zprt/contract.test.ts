import { Effect, Redacted } from "effect"
import { makeZprt, type ZprtOptions } from "../../../formats/zprt/mod.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { newIdentity } from "../../../stages/encrypt/age.ts"
import { formatSuite } from "../../suites/format/contract.ts"

const [mine, other] = await Effect.runPromise(Effect.all([newIdentity, newIdentity]))
const byIdentity = { secrets: { identities: [mine] }, wrongSecrets: { identities: [other] } }
const byPassword = {
  secrets: { password: Redacted.make("correct horse") },
  wrongSecrets: { password: Redacted.make("wrong") },
}
const variants: ReadonlyArray<
  readonly [string, { readonly secrets: Secrets; readonly wrongSecrets: Secrets }, ZprtOptions]
> = [
  ["zprt", byIdentity, { seed: 1 }],
  ["zprt, password, later layout", byPassword, { layout: "program", scryptLogN: 10 }],
]
for (const [name, secrets, options] of variants) {
  formatSuite(name, () => makeZprt(options), {
    ...secrets,
    incremental: "the format keeps no times, so every file is read",
    snapshots: "an archive is one snapshot",
    concurrent: "an archive is one file: of several runs at once one wins, and the others say so",
    details: "the format keeps neither time nor host, user, paths or tags",
    directories: "only empty directories are listed",
  })
}
