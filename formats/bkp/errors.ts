/** What becomes of errors: of all formats, and of stores. */
export { absent, created } from "../../stages/store/absent.ts"
export { asDamage, corrupt, fromKernelError, isDamage } from "../error.ts"
