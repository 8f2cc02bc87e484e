/** Which kernels are taken at their word. */
const kernels = new WeakSet<object>()

/**
 * Says that this kernel object was tested: it gives back what it got, and neither changes nor keeps what it is given.
 * Otherwise Penstock finds out each time (see `checked.ts`), which costs copies of all data, and for compressors and
 * ciphers as much time as decoding it. For a kernel that keeps this promise not, backups lose data and report success.
 * A copy of the object (`{ ...kernel }`) is not trusted.
 */
export const trusted = <K extends object>(kernel: K): K => {
  kernels.add(kernel)
  return kernel
}

/** Whether {@link trusted} was said of this object. */
export const isTrusted = (kernel: object): boolean => kernels.has(kernel)
