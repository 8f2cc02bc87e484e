/** How errors of stores and stages become errors of a repository. */
export { absent, created } from "../../stages/store/absent.ts"
export { asDamage, corrupt, fromKernelError, isDamage } from "../error.ts"
