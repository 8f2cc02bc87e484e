/** What a repository refuses to whoever may not do it, before any work. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RepositoryError } from "../error.ts"
import type { Repository } from "../repository.ts"
import type { Opening } from "./key_open.ts"

/**
 * The repository as the role of its keys allows it. Readers write nothing, because nothing that they write would be
 * believed. Writers read nothing, because they cannot.
 */
export const withinRole = (repository: Repository, { key, keyring: { role } }: Opening): Repository => {
  if (role === "owner") return repository
  const who = key === undefined ? "A paper key from before the last rotation" : `The key ${key.id} is a ${role}'s, and`
  const refuse = (what: string, takes: string) =>
    Effect.fail(
      new RepositoryError({ reason: "unsupported", message: `${who} cannot ${what}: that takes ${takes} key` }),
    )
  const { copier, ...rest } = repository
  const limited: Repository = {
    ...rest,
    backup: () =>
      role === "writer"
        ? Effect.fail(
          new RepositoryError({
            reason: "unsupported",
            message: `${who} cannot back up yet: a later version will; use a key of an owner until then`,
          }),
        )
        : refuse("back up", "an owner's"),
    rebuild: refuse("rebuild", "an owner's"),
    forget: () => refuse("forget snapshots", "an owner's"),
    ...(copier === undefined ? {} : {
      copier: (from) => copier(from) === undefined ? undefined : refuse("copy into the repository", "an owner's"),
    }),
  }
  if (role === "reader") return limited
  const { inspection } = limited
  return {
    ...limited,
    ...(inspection === undefined ? {} : {
      inspection: {
        config: inspection.config,
        snapshot: () => refuse("read a snapshot", "an owner's or a reader's"),
        packs: refuse("read indexes", "an owner's or a reader's"),
      },
    }),
    snapshots: refuse("list snapshots", "an owner's or a reader's"),
    entries: () => Stream.fromEffect(refuse("read", "an owner's or a reader's")),
    check: () => refuse("check", "an owner's or a reader's"),
    storedSizes: () => refuse("read", "an owner's or a reader's"),
  }
}
