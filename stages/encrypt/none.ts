/** No encryption: for tests, and for formats that leave the choice. */
import type { Cipher, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"

const make = (): Cipher => trusted({ overhead: 0, seal: (bytes) => bytes, open: (bytes) => bytes })

/** Leaves messages as they are and authenticates nothing; the output is the input array itself. */
export const noEncryption: KernelSpec<"encrypt"> = { stage: "encrypt", name: "none", params: {}, make }
