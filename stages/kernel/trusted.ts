/** Which kernels are used without further checks. */

/**
 * The objects for which `trusted` was called. This is state of the module, and not a property of the kernel, so that a
 * wrapper made with `{ ...kernel }` does not inherit the trust. An object stays in it for as long as it lives.
 */
const kernels = new WeakSet<object>()

/**
 * Declares that a kernel object was tested: its decoder gives back what its encoder got, and it neither changes nor
 * keeps its input. All other kernels are checked each time: that costs copies of all data, and for compressors and
 * ciphers as much time as decoding it. If a trusted kernel breaks this promise, backups lose data and report success.
 *
 * Returns the object. A copy of it (`{ ...kernel }`) is not trusted.
 *
 * @example Trust a compressor after its tests passed
 * ```ts
 * import assert from "node:assert/strict"
 * import { type Compressor, type KernelSpec, makeKernel, trusted } from "@penstock/penstock"
 *
 * const invert = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)
 * const inverted: KernelSpec<"compress"> = {
 *   stage: "compress",
 *   name: "inverted",
 *   params: {},
 *   make: () => trusted<Compressor>({ encode: invert, decode: invert }),
 * }
 * assert.deepEqual(makeKernel(inverted).encode(Uint8Array.of(1)), Uint8Array.of(254))
 * ```
 */
export const trusted = <K extends object>(kernel: K): K => {
  kernels.add(kernel)
  return kernel
}

/** Whether {@link trusted} was called for this object. */
export const isTrusted = (kernel: object): boolean => kernels.has(kernel)
