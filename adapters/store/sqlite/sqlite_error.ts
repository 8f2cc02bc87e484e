/** Errors of SQLite as errors of a store. */
import { type Operation, operationError } from "../../../stages/store/operation.ts"
import { StoreError } from "../../../stages/store/store.ts"

/** By primary result code: https://sqlite.org/rescode.html */
const REASONS: Readonly<Record<number, readonly [StoreError["reason"], string]>> = {
  3: ["denied", "permission denied"],
  5: ["unavailable", "another process keeps it busy"],
  6: ["unavailable", "another process keeps it busy"],
  8: ["denied", "the file or its directory is read-only"],
  10: ["io", "the device reports an input/output error; check its health"],
  11: ["corrupt", "the file is damaged"],
  13: ["full", "no space is left on the device; make room and run again"],
  14: ["denied", "the file cannot be opened"],
  26: ["corrupt", "the file is not a SQLite database"],
}

/** The error for what an operation threw. A {@link StoreError} stays as it is. */
export const sqliteError = (operation: Operation, cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  const { errcode, message } = cause as { readonly errcode?: number; readonly message?: string }
  const [reason, why] = REASONS[(errcode ?? 0) & 0xff] ?? ["io", message ?? String(cause)]
  return operationError(operation, reason, why, { cause })
}
