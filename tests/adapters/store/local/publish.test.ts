import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { link, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { codeOf } from "../../../../adapters/store/local/file_error.ts"
import { publishNew, type PublishOptions } from "../../../../adapters/store/local/publish.ts"
import { StoreError } from "../../../../stages/store/store.ts"
import { temporaryDirectory } from "./directory.ts"

const inDirectory = (body: (path: string) => Promise<void>) => (): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryDirectory, (path) => Effect.promise(() => body(path)))))

const failingLink = (code: string): PublishOptions => ({
  link: () => Promise.reject(Object.assign(new Error(code), { code })),
  claimWait: 100,
})

describe("publishNew", () => {
  for (const [how, options] of [["hard links", {}], ["claims", failingLink("EPERM")]] as const) {
    it(
      `has one winner of many, by ${how}`,
      inDirectory(async (path) => {
        const final = join(path, "final")
        const outcomes = await Promise.all(Array.from({ length: 16 }, async (_, i) => {
          const temporary = join(path, `t${i}`)
          await writeFile(temporary, String(i))
          // A loser waits until the winner is done.
          return publishNew(temporary, final, { ...options, claimWait: 10_000 }).then(() => i, codeOf)
        }))
        const winners = outcomes.filter((outcome) => typeof outcome === "number")
        assert.equal(winners.length, 1, String(outcomes))
        assert.equal(outcomes.filter((outcome) => outcome === "EEXIST").length, 15, String(outcomes))
        assert.equal(await readFile(final, "utf8"), String(winners[0]))
        assert.deepEqual((await readdir(path)).filter((name) => name.startsWith("claim")), [])
      }),
    )
  }

  it(
    "does not replace an object of another writer without hard links",
    inDirectory(async (path) => {
      await writeFile(join(path, "final"), "old")
      await writeFile(join(path, "temporary"), "new")
      for (const code of ["EPERM", "ENOTSUP", "EMLINK"]) {
        const failed = await publishNew(join(path, "temporary"), join(path, "final"), failingLink(code)).catch(codeOf)
        assert.equal(failed, "EEXIST")
      }
      assert.equal(await readFile(join(path, "final"), "utf8"), "old")
    }),
  )

  it(
    "tells the way out for the claim of a killed writer",
    inDirectory(async (path) => {
      await writeFile(join(path, "temporary"), "new")
      const claim = `claim-${createHash("sha256").update(join(path, "final")).digest("hex")}`
      await writeFile(join(path, claim), "")
      const failed = await publishNew(join(path, "temporary"), join(path, "final"), failingLink("EPERM")).catch((e) =>
        e
      )
      assert.ok(failed instanceof StoreError)
      assert.equal(failed.reason, "unavailable")
      assert.match(failed.message, /remove .*claim-/)
    }),
  )

  it(
    "trusts the number of links if the answer of link was lost",
    inDirectory(async (path) => {
      await writeFile(join(path, "temporary"), "new")
      await publishNew(join(path, "temporary"), join(path, "final"), {
        link: async (from, to) => {
          await link(from, to)
          throw Object.assign(new Error("again"), { code: "EEXIST" })
        },
      })
      assert.equal(await readFile(join(path, "final"), "utf8"), "new")
    }),
  )

  it(
    "passes on other errors",
    inDirectory(async (path) => {
      await writeFile(join(path, "temporary"), "new")
      const failed = await publishNew(join(path, "temporary"), join(path, "final"), failingLink("EXDEV")).catch(codeOf)
      assert.equal(failed, "EXDEV")
    }),
  )
})
