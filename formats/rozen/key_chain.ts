/**
 * The chain of epochs: which owner to believe. It begins at a pin, an owner that the caller knows already. SPEC.md,
 * "Epochs".
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import type { SignatureKernel } from "../../stages/sign/sign.ts"
import { RepositoryError } from "../error.ts"
import { corrupt } from "./errors.ts"
import type { EpochRecord } from "./key_epoch.ts"
import type { Pin } from "./key_lock.ts"
import { EPOCHS } from "./limits.ts"

/** Records that say the same count once, whatever their names are. */
const distinct = (
  records: ReadonlyArray<EpochRecord>,
): ReadonlyArray<EpochRecord> => [...new Map(records.map((record) => [record.hash, record])).values()]

/**
 * Follows the epochs from the pin, back to epoch 1 and on to the current one, which is the last that is given. Throws
 * RepositoryError `corrupt` when a record is missing, when the storage was rolled back, or when two epochs follow one.
 */
export const followChain = (
  kernel: SignatureKernel,
  records: ReadonlyArray<EpochRecord>,
  { epoch, id, owner }: Pin,
): ReadonlyArray<EpochRecord> => {
  const own = distinct(records.filter(({ repository }) => repository === id))
  const chain = [pinned(kernel, own, { epoch, id, owner })]
  for (let first = chain[0]!; first.epoch > 1; first = chain[0]!) {
    const before = own.find(({ epoch, hash }) => epoch === first.epoch - 1 && hash === first.previous)
    if (before === undefined) throw missing(first.epoch - 1)
    chain.unshift(before)
  }
  for (let last = chain.at(-1)!; last.epoch < EPOCHS; last = chain.at(-1)!) {
    const [next, another] = own.filter((record) =>
      record.epoch === last.epoch + 1 && record.previous === last.hash && record.follows(kernel, last.owner) &&
      record.isWhole(kernel)
    )
    if (next === undefined) break
    if (another !== undefined) {
      throw corrupt(
        "KEYS/",
        `Two epochs follow epoch ${last.epoch}, ${next.object} and ${another.object}: somebody who was an owner in ` +
          `epoch ${last.epoch} has made one of them; ask who runs the repository which is right, and remove the other`,
      )
    }
    chain.push(next)
  }
  return chain
}

/** The record that the pin is about. */
const pinned = (kernel: SignatureKernel, own: ReadonlyArray<EpochRecord>, pin: Pin): EpochRecord => {
  const found = own.filter((record) => record.epoch === pin.epoch && bytesToHex(record.owner) === pin.owner)
  const [record, another] = found.filter((record) => record.isWhole(kernel))
  if (record !== undefined && another === undefined) return record
  if (another !== undefined) {
    throw corrupt("KEYS/", `Two records say what epoch ${pin.epoch} is, ${record!.object} and ${another.object}`)
  }
  const newest = Math.max(0, ...own.map(({ epoch }) => epoch))
  if (newest > 0 && newest < pin.epoch) {
    throw new RepositoryError({
      reason: "corrupt",
      object: "KEYS/",
      message:
        `The repository was put back to an earlier state: this key has seen epoch ${pin.epoch}, and KEYS/ ends ` +
        `with epoch ${newest}; put the newer objects of KEYS/ back`,
    })
  }
  throw missing(pin.epoch)
}

const missing = (epoch: number): RepositoryError =>
  corrupt(
    "KEYS/",
    `KEYS/ lacks the record of epoch ${epoch} that this key believes, or it was altered: put a copy of it back`,
  )
