// On one runtime: what is tested is portable.
/** Records of forgotten snapshots: whose count, what damage to them does, and what is still made of what they name. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { fault } from "../../../adapters/store/fault/fault.ts"
import { carryForgotten, putForgotten, readForgotten } from "../../../formats/rozen/forgotten.ts"
import { signingSeed } from "../../../formats/rozen/key_make.ts"
import { type Keyring, ownerKeyring, type OwnerSecrets, type Signer, signerId } from "../../../formats/rozen/keyring.ts"
import { makeLayout } from "../../../formats/rozen/layout.ts"
import { FORGOTTEN_IDS } from "../../../formats/rozen/limits.ts"
import { newSecret } from "../../../formats/rozen/keys.ts"
import { unlock } from "../../../formats/rozen/unlock.ts"
import { openKey } from "../../../formats/rozen/key_open.ts"
import { readAllKeys } from "../../../formats/rozen/key_read.ts"
import type { Repository } from "../../../formats/repository.ts"
import { portableEd25519 } from "../../../stages/sign/ed25519.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { copyOf, type Objects, objectsOf, storeOf } from "../../suites/format/objects.ts"
import { alter } from "../fogsync/harness.ts"
import { clean, expected, findings, flipped, metadata, onCopy, openIn, trees, walk } from "./damaged.ts"
import { options, secrets, small } from "./harness.ts"

/** The snapshots that are listed: their places in `trees`. */
const placesIn = (repository: Repository) =>
  Effect.map(repository.snapshots, (all) => all.map(({ time }) => time - 1000))

/** Fails the test unless exactly these snapshots are there, each whole, and nothing is wrong. */
const hasOnly = Effect.fnUntraced(function* (repository: Repository, places: ReadonlyArray<number>) {
  const whole = yield* Effect.promise(() => expected)
  const all = yield* repository.snapshots
  assert.deepEqual(all.map(({ time }) => time - 1000), places)
  for (const [i, place] of places.entries()) {
    assert.deepEqual(yield* factsOf(repository.entries(all[i]!)), whole[place])
  }
  yield* clean(repository)
})

const records = (store: ObjectStore) =>
  Effect.map(objectsOf(store), (objects) => [...objects.keys()].filter((name) => name.startsWith("FORGOTTEN/")))

/** Opens the repository as it is inside. */
const openingOf = Effect.fnUntraced(function* (store: ObjectStore) {
  const objects = yield* readAllKeys(store)
  return yield* unlock({ location: "here", objects, accept: (key) => openKey(objects, key) }, secrets)
})

const signerWith = (seed: Redacted.Redacted<Uint8Array>): Signer => ({
  id: signerId(portableEd25519.publicKey(Redacted.value(seed))),
  seed,
})

const withoutIndex = (store: ObjectStore) =>
  Effect.gen(function* () {
    for (const name of (yield* objectsOf(store)).keys()) if (name.startsWith("INDEX/")) yield* store.remove(name)
  })

describe("a record of forgotten snapshots", () => {
  it("counts only when an owner has signed it", () =>
    onCopy((store) =>
      Effect.gen(function* () {
        const repository = yield* openIn(store)
        const { keyring } = yield* openingOf(store)
        const [first] = yield* repository.snapshots
        const stranger = newSecret()
        const own = makeLayout(keyring).epoch
        const forge = (around: Keyring, seed: Redacted.Redacted<Uint8Array>) =>
          putForgotten(store, makeLayout(around), [first!.id], { ...own, seed })
        // A reader has the keys that seal, and signs with one that nobody enrolled.
        yield* forge({ ...keyring, signer: signerWith(stranger) }, stranger)
        // Something that an owner has sealed is no record that an owner has signed.
        yield* forge(keyring, stranger)
        const forged = yield* records(store)
        assert.equal(forged.length, 2)
        assert.deepEqual(yield* placesIn(repository), [0, 1, 2])
        const found = yield* findings(repository)
        assert.deepEqual(found.map(({ object }) => object).sort(), forged)
        const [unknown, unsigned] = [/is signed by a key that no owner enrolled/, /names 1 snapshot as forgotten, but/]
        for (const reason of [unknown, unsigned]) {
          assert.equal(found.filter((one) => reason.test(one.message)).length, 1)
        }
        assert.equal((yield* repository.rebuild).findings.length, 2)
        assert.deepEqual(yield* placesIn(repository), [0, 1, 2])
      })
    ))

  it("of a reader or of a writer is refused before anything is put", () =>
    onCopy((store) =>
      Effect.gen(function* () {
        const owner = yield* openIn(store)
        const all = yield* owner.snapshots
        for (const role of ["reader", "writer"] as const) {
          const password = Redacted.make(role)
          yield* owner.keys!.add({ password }, { role })
          const repository = yield* Effect.provideService(small.open({ password }), ObjectStore, store)
          const { message, reason } = yield* Effect.flip(repository.forget!(all))
          assert.equal(reason, "unsupported")
          assert.match(message, new RegExp(`^The key \\w{16} is a ${role}'s, and cannot forget snapshots: that takes`))
        }
        assert.deepEqual(yield* records(store), [])
      })
    ))

  it("that is damaged is a finding, hides nothing, and can be put again", () =>
    onCopy((original) =>
      Effect.gen(function* () {
        const first = yield* openIn(original)
        yield* first.forget!((yield* first.snapshots).slice(0, 1))
        const [name] = yield* records(original)
        const { length } = yield* original.get(name!, { atMost: 4096 })
        for (let at = 0; at < length + 3; at += at < length ? 29 : 1) {
          const store = yield* copyOf(original)
          yield* alter(
            store,
            name!,
            (bytes) => at < length ? flipped(bytes, at) : bytes.subarray(0, (at - length) * 99),
          )
          const repository = yield* openIn(store)
          assert.deepEqual(yield* placesIn(repository), [0, 1, 2], String(at))
          yield* findings(repository, name)
          yield* repository.forget!((yield* repository.snapshots).slice(0, 1))
          assert.deepEqual(yield* placesIn(repository), [1, 2])
          yield* store.remove(name!)
          yield* hasOnly(repository, [1, 2])
        }
      })
    ))

  it("names 10,000 at most, and further ones are put into others", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* storeOf(new Map())
      const secret: OwnerSecrets = { id: "ab".repeat(16), chunks: newSecret(), masters: [newSecret()] }
      const layout = makeLayout(yield* ownerKeyring(secret))
      const ids = Array.from({ length: FORGOTTEN_IDS + 1 }, (_, i) => i.toString(16).padStart(64, "0"))
      yield* putForgotten(store, layout, ids, { ...layout.epoch, seed: signingSeed(secret) })
      assert.equal((yield* records(store)).length, 2)
      const forgotten = yield* readForgotten(store, layout)
      assert.deepEqual([forgotten.ids.size, forgotten.problems], [ids.length, []])
      yield* Effect.flip(putForgotten(store, layout, ["short"], { ...layout.epoch, seed: signingSeed(secret) }))
    })))
})

describe("a forgotten snapshot", () => {
  it("is not read, copied or used as a parent, and the next backup works", () =>
    onCopy((store) =>
      Effect.gen(function* () {
        const repository = yield* openIn(store)
        const all = yield* repository.snapshots
        yield* repository.forget!(all)
        const objects = yield* objectsOf(store)
        yield* repository.forget!(all)
        assert.deepEqual([...(yield* objectsOf(store)).keys()], [...objects.keys()])
        const gone = [
          Stream.runDrain(repository.entries(all[2]!)),
          repository.backup(walk(trees[0]!), { ...options, parent: all[2]!.id }),
          Effect.gen(function* () {
            const into = yield* Effect.provideService(small.create(secrets), ObjectStore, yield* storeOf(new Map()))
            return yield* (yield* into.copier!(repository)!).copy(all[2]!)
          }),
        ]
        for (const use of gone) assert.equal((yield* Effect.flip(use)).reason, "unknown-snapshot")
        // What it stored is there, so nothing of it is stored again.
        const { bytesAdded, snapshot } = yield* repository.backup(walk(trees[2]!), {
          ...{ ...options, hostname: "host 1", time: 1002 },
        })
        assert.deepEqual([bytesAdded, snapshot!.parent], [0, undefined])
        yield* hasOnly(repository, [2])
      })
    ))

  it("stays forgotten when all of INDEX is lost, and those that build on its log come back", () =>
    onCopy((original) =>
      Effect.gen(function* () {
        for (const [forgotten, left] of [[[0, 1], [2]], [[1], [0, 2]], [[2], [0, 1]]] as const) {
          const store = yield* copyOf(original)
          const repository = yield* openIn(store)
          const all = yield* repository.snapshots
          yield* repository.forget!(forgotten.map((place) => all[place]!))
          const paper = yield* repository.keys!.export
          yield* withoutIndex(store)
          const { findings, snapshots } = yield* repository.rebuild
          assert.deepEqual([findings, snapshots], [[], left.map((place) => all[place]!)])
          yield* hasOnly(repository, left)
          for (const name of (yield* objectsOf(store)).keys()) if (name.startsWith("KEYS/")) yield* store.remove(name)
          const paperKey = { paper: Redacted.make(Redacted.value(paper)) }
          const recovered = yield* Effect.provideService(small.open(paperKey), ObjectStore, store)
          assert.deepEqual(yield* placesIn(recovered), left)
        }
      })
    ))

  it("whose log is damaged is a finding only where another builds on it, and that one gets a full log", () =>
    onCopy((original) =>
      Effect.gen(function* () {
        const logOf = (objects: Objects, id: string) => [...objects.keys()].filter((name) => name.includes(`/${id}/`))
        for (const forgotten of [0, 1, 2]) {
          const store = yield* copyOf(original)
          const repository = yield* openIn(store)
          const all = yield* repository.snapshots
          // The log of each builds on that of the one before.
          yield* repository.forget!(all.slice(forgotten === 2 ? 2 : 0, forgotten + 1))
          for (const name of logOf(yield* objectsOf(store), all[forgotten]!.id)) {
            yield* alter(store, name, (bytes) => flipped(bytes, bytes.length >> 1))
          }
          const found = yield* findings(repository)
          if (forgotten === 2) assert.deepEqual(found, [])
          else assert.match(found[0]!.message, /which was forgotten, is not whole, and that of \w+ builds on it/)
          assert.equal(found.length, forgotten === 2 ? 0 : 1)
          assert.deepEqual((yield* repository.rebuild).findings, [])
          const left = [0, 1, 2].filter((place) => forgotten === 2 ? place < 2 : place > forgotten)
          yield* hasOnly(repository, left)
          yield* withoutIndex(store)
          yield* repository.rebuild
          yield* hasOnly(repository, left)
        }
      })
    ))
})

describe("after a rotation", () => {
  it("what was forgotten stays forgotten, wherever the rotation fails", () =>
    runFormat(Effect.gen(function* () {
      const first = yield* storeOf(new Map())
      const made = yield* Effect.provideService(small.create(secrets), ObjectStore, first)
      for (const time of [1, 2]) {
        yield* made.backup(walk({ "a": { ...metadata, content: String(time) } }), { ...options, time })
      }
      yield* made.forget!((yield* made.snapshots).slice(0, 1))
      for (const effect of ["fail", "fail-after"] as const) {
        let failures = 0
        for (let nth = 1;; nth++) {
          const store = yield* copyOf(first)
          const faulty = fault(store, { effect, nth, onwards: true })
          const run = Effect.flatMap(small.open(secrets), ({ keys }) => keys!.rotate)
          yield* Effect.exit(Effect.scoped(Effect.provideService(run, ObjectStore, faulty)))
          const repository = yield* openIn(store)
          assert.deepEqual((yield* repository.snapshots).map(({ time }) => time), [2], `${effect} ${nth}`)
          assert.deepEqual(yield* repository.check({ readData: 0 }).pipe(Effect.map(({ findings }) => findings)), [])
          if (!faulty.hit()) break
          failures++
        }
        assert.ok(failures > 10, `only ${failures} failures`)
      }
      // What a rotation left that did not come to its end is no finding after the next.
      const store = yield* copyOf(first)
      yield* carryForgotten(store, makeLayout((yield* openingOf(store)).keyring), {
        ...{ repository: made.id, number: 2, owner: new Uint8Array(32), seed: newSecret() },
      })
      for (const round of [1, 2]) {
        const repository = yield* openIn(store)
        assert.deepEqual([repository.epoch, (yield* repository.snapshots).length, (yield* records(store)).length], [
          ...[round, 1, 1 + round],
        ])
        yield* clean(repository)
        yield* repository.keys!.rotate
      }
    })))

  it("a record of somebody whose key was removed does not count, nor one of a repository that was open before", () =>
    onCopy((store) =>
      Effect.gen(function* () {
        const before = yield* openIn(store)
        const old = yield* openingOf(store)
        const all = yield* before.snapshots
        yield* before.forget!(all.slice(0, 1))
        yield* (yield* openIn(store)).keys!.rotate
        yield* putForgotten(store, makeLayout(old.keyring), [all[1]!.id], {
          ...{ ...makeLayout(old.keyring).epoch, seed: signingSeed(old.secrets!) },
        })
        const { message } = yield* Effect.flip(before.forget!(all.slice(2)))
        assert.match(
          message,
          /^Somebody has rotated the keys of the repository at .* since it was opened: open it again/,
        )

        const repository = yield* openIn(store)
        assert.deepEqual(yield* placesIn(repository), [1, 2])
        const found = yield* findings(repository)
        assert.equal(found.length, 2)
        for (const { message } of found) assert.match(message, /names 1 snapshot as forgotten, but an owner of epoch 2/)
        yield* repository.forget!((yield* repository.snapshots).slice(1))
        yield* repository.keys!.rotate
        const again = yield* openIn(store)
        assert.deepEqual(yield* placesIn(again), [1])
        assert.equal((yield* findings(again)).length, 1)
        yield* again.forget!(yield* again.snapshots)
        yield* hasOnly(again, [])
      })
    ))
})
