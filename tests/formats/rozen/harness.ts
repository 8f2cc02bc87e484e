/** What the tests of rozen share: a repository with small objects, and stores whose objects can be altered. */
import { Redacted } from "effect"
import type { BackupOptions } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"

/** Small packs, blocks and chunks, so that little content makes many of them; a password that costs nothing to try. */
export const small: Format = makeRozen({
  packBytes: 64 << 10,
  blockBytes: 16 << 10,
  average: 4 << 10,
  scrypt: { n: 1024, r: 8, p: 1 },
})

export const secrets: Secrets = { password: Redacted.make("secret") }

export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

/** The kinds of objects, as a name tells them. */
export const kinds = ["config", "key", "roz", "roz-log", "map", "cat", "catmap", "idx"] as const
export type Kind = (typeof kinds)[number]

export const kindOf = (name: string): Kind =>
  name === "ROZEN.json" ? "config" : name.startsWith("KEYS/") ? "key" : name.slice(name.lastIndexOf(".") + 1) as Kind
