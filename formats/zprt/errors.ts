/** Turns what stages fail with into errors of a repository. */
import type { KernelError } from "../../stages/kernel/kernel.ts"
import { type FormatError, isDamage, RepositoryError } from "../error.ts"
import { ARCHIVE } from "./layout.ts"

/** The archive is damaged or altered; `how` goes on after its location. */
export const corrupt = (location: string, how: string, cause?: unknown): RepositoryError =>
  new RepositoryError({
    reason: "corrupt",
    object: ARCHIVE,
    cause,
    message:
      `The archive ${location} ${how}. See what is left with "penstock check --recover", or run "penstock rebuild"`,
  })

/** An error of a read of the archive as damage to it; any other stays. */
export const asCorrupt = (location: string) => (error: FormatError): FormatError =>
  error._tag === "StoreError" && isDamage(error) ? corrupt(location, `cannot be read: ${error.message}`, error) : error

/** Something that a kernel or a format cannot do. */
export const unsupported = (message: string): RepositoryError => new RepositoryError({ reason: "unsupported", message })

/** Kernels fail while writing, and on keys, only for want of support. */
export const fromKernelError = ({ message }: KernelError): RepositoryError => unsupported(message)
