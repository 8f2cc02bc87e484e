/**
 * The command, for those who build their own on it: with other stores or formats, fewer subcommands, or more.
 *
 * It needs Node, Deno or Bun. The package also has it ready to run, as `penstock`.
 *
 * @module
 */
export type { ChosenOptions } from "../formats/format.ts"
export { backupCommand } from "./arguments/backup.ts"
export { catCommand } from "./arguments/cat.ts"
export { checkCommand } from "./arguments/check.ts"
export { type AnyCommand, command, type OnExit } from "./arguments/command.ts"
export { convertCommand } from "./arguments/convert.ts"
export { copyCommand } from "./arguments/copy.ts"
export { diffCommand } from "./arguments/diff.ts"
export { dumpCommand } from "./arguments/dump.ts"
export { common, type Flags } from "./arguments/flags.ts"
export { findCommand } from "./arguments/find.ts"
export { forgetCommand } from "./arguments/forget.ts"
export { initCommand } from "./arguments/init.ts"
export type {
  CommonInput,
  CreationInput,
  KnownInput,
  PrintingInput,
  RepositoryOptions,
  SecretOptions,
  StoreInput,
} from "./arguments/inputs.ts"
export { keyCommand } from "./arguments/key.ts"
export { lsCommand } from "./arguments/ls.ts"
export { rebuildCommand } from "./arguments/rebuild.ts"
export { restoreCommand } from "./arguments/restore.ts"
export { snapshotsCommand } from "./arguments/snapshots.ts"
export { statsCommand } from "./arguments/stats.ts"
export { verifyCommand } from "./arguments/verify.ts"
export { versionCommand } from "./arguments/version.ts"
export { makeOutput, type Output, type OutputOptions } from "./output/output.ts"
export type { Row } from "./output/row.ts"
export { makeTraffic, type Traffic, trafficMembers } from "./output/traffic.ts"
export { penstock } from "./penstock.ts"
export {
  EXIT_FAILURE,
  EXIT_INCOMPLETE,
  EXIT_INTERRUPTED,
  EXIT_NO_REPOSITORY,
  EXIT_OK,
  EXIT_WRONG_KEY,
} from "./process/exit_codes.ts"
export { UsageError, type UsageErrorFields } from "./process/usage_error.ts"
export type { Admit } from "./repository/admit.ts"
export { builtInFormats, type FormatSource, type WriteOptions } from "./repository/formats.ts"
export { type OpenHow, type OpenRepository, withRepository } from "./repository/open.ts"
export type { OpenError, OpenMode } from "./repository/open_mode.ts"
export type { StoreOpener } from "./repository/store.ts"
export { run, type RunOptions } from "./run.ts"
export type { SecretNames } from "./secrets/password.ts"
export type { SecretKind, TakesSecrets } from "./secrets/secrets.ts"
