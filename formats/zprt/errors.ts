/** Turns errors of stages and stores into errors of the repository. */
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { type FormatError, isDamage, RepositoryError } from "../error.ts"
import { ARCHIVE } from "./layout.ts"

/** The archive is damaged or was altered. `how` continues the sentence after the location of the archive. */
export const corrupt = (location: string, how: string, cause?: unknown): RepositoryError =>
  new RepositoryError({
    reason: "corrupt",
    object: ARCHIVE,
    cause,
    message:
      `The archive ${location} ${how}. See what is left with "penstock check --recover", or run "penstock rebuild"`,
  })

/** Makes an error of reading the archive into damage to it. Any other error stays what it is. */
export const asCorrupt = (location: string) => (error: FormatError): FormatError =>
  error._tag === "StoreError" && isDamage(error) ? corrupt(location, `cannot be read: ${error.message}`, error) : error

/** A kernel or the format cannot do what was asked. */
export const unsupported = (message: string): RepositoryError => new RepositoryError({ reason: "unsupported", message })

/** While an archive is written, and with keys, a kernel fails only because it does not support something. */
export const fromKernelError = ({ message }: KernelError): RepositoryError => unsupported(message)
