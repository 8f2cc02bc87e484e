/** The command with the fake format. The first argument says which command: `penstock`, `backup.ts` or `restore.ts`. */
import { argv } from "node:process"
import { backupCommand } from "../../../cli/arguments/backup.ts"
import { penstock } from "../../../cli/penstock.ts"
import { restoreCommand } from "../../../cli/arguments/restore.ts"
import { run } from "../../../cli/run.ts"
import { fake } from "./fake_format.ts"

const [name, ...args] = argv.slice(2)
await run({
  command: (exit, formats) =>
    name === "backup.ts"
      ? backupCommand(name, name, true, exit, formats)
      : name === "restore.ts"
      ? restoreCommand(name, name, exit)
      : penstock(exit, formats),
  args,
  formats: [{ name: "rozen", secrets: ["password"], load: () => Promise.resolve(fake) }],
})
