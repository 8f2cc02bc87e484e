/** The arguments of `key` and its subcommands. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { text } from "./flag.ts"
import { common, type Flags } from "./flags.ts"
import type { NewSecretInput } from "./inputs.ts"

/** The secret of a new key, and its name. */
const newSecret: Flags<NewSecretInput> = {
  newPasswordFile: text(
    "new-password-file",
    "FILE",
    "Read the new password from the first line of FILE ($PENSTOCK_NEW_PASSWORD, $PENSTOCK_NEW_PASSWORD_FILE)",
  ),
  newPasswordCommand: text(
    "new-password-command",
    "COMMAND",
    "Run COMMAND and take the new password from the first line that it prints ($PENSTOCK_NEW_PASSWORD_COMMAND)",
  ),
  newRecipient: text("new-recipient", "age1...", "The new key is for this age recipient"),
  newKeyFile: text("new-key-file", "FILE", "The new key is this key file; made if it does not exist"),
  name: text("name", "NAME", "What to call the key, such as the machine that uses it"),
}

const ROLES = ["owner", "reader", "writer"] as const

const role = Flag.Literals("role", ROLES).pipe(
  Flag.withDescription("What the key can do: owner (everything; the default), reader (list, restore, check), writer"),
  Flag.optional,
  Flag.map(Option.getOrUndefined),
)

const load = () => import("../key.ts")

const listCommand = (exit: OnExit): AnyCommand =>
  command("list", common, (input) => load().then((m) => m.list(input)), exit).pipe(
    Command.withDescription("List the keys of a repository"),
    Command.withExamples([{ description: "All keys", command: "penstock key list -r /mnt/disk/backups" }]),
  )

const addCommand = (exit: OnExit): AnyCommand =>
  command("add", { ...common, ...newSecret, role }, (input) => load().then((m) => m.add(input)), exit).pipe(
    Command.withDescription(
      "Add a key. You are asked for its password, unless an option or a variable gives its secret.\n" +
        "  An owner can do everything, and remove other keys too. A reader lists, restores and checks",
    ),
    Command.withShortDescription("Add a key"),
    Command.withExamples([
      { description: "Another password", command: "penstock key add --name phone" },
      {
        description: "A key file for backups at night",
        command: "penstock key add --name server --new-key-file ~/.penstock.key",
      },
      {
        description: "Somebody's age identity, to restore only",
        command: "penstock key add --role reader --name sister --new-recipient age1...",
      },
    ]),
  )

const removeCommand = (exit: OnExit): AnyCommand =>
  command(
    "remove",
    {
      ...common,
      id: Argument.String("id").pipe(
        Argument.withMetavar("ID"),
        Argument.withDescription("The start of its ID, as key list shows it"),
      ),
    },
    (input) => load().then((m) => m.remove(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Remove a key: any but the last of an owner, and not the one that opened the repository.\n" +
        "  Whoever has its secret and a copy of KEYS/ can open everything until key rotate, and old things after it",
    ),
    Command.withShortDescription("Remove a key"),
    Command.withExamples([{ description: "One that is not used any more", command: "penstock key remove 1a2b3c4d" }]),
  )

const passwdCommand = (exit: OnExit): AnyCommand =>
  command("passwd", { ...common, ...newSecret }, (input) => load().then((m) => m.passwd(input)), exit).pipe(
    Command.withDescription(
      "Give the key that opens the repository another secret.\n" +
        "  Whoever has the old secret and a copy of KEYS/ from before has the key",
    ),
    Command.withShortDescription("Change the password"),
    Command.withExamples([{
      description: "Asks for the old password and the new one",
      command: "penstock key passwd",
    }]),
  )

const rotateCommand = (exit: OnExit): AnyCommand =>
  command("rotate", common, (input) => load().then((m) => m.rotate(input)), exit).pipe(
    Command.withDescription(
      "Make new secrets for all keys that the repository has now, whose own passwords and files stay.\n" +
        "  Nothing is uploaded again. Keys that were removed open nothing that is backed up from now on",
    ),
    Command.withShortDescription("Shut out keys that were removed"),
    Command.withExamples([{ description: "After a laptop was stolen", command: "penstock key rotate" }]),
  )

const exportCommand = (exit: OnExit): AnyCommand =>
  command("export", common, (input) => load().then((m) => m.exportPaper(input)), exit).pipe(
    Command.withDescription(
      "Print the paper key: text that opens the repository even if all its keys are lost.\n" +
        "  Anyone who has it can read and change everything, whatever passwords are changed",
    ),
    Command.withShortDescription("Print a key to keep on paper"),
    Command.withExamples([{ description: "To the printer", command: "penstock key export | lpr" }]),
  )

const importCommand = (exit: OnExit): AnyCommand =>
  command(
    "import",
    {
      ...common,
      ...newSecret,
      paperKeyFile: text("paper-key-file", "FILE", "Read the paper key from FILE ($PENSTOCK_PAPER_KEY)"),
    },
    (input) => load().then((m) => m.importPaper(input)),
    exit,
  ).pipe(
    Command.withDescription("Open a repository with its paper key, and add a key with another secret"),
    Command.withExamples([{ description: "Asks for the paper key and a password", command: "penstock key import" }]),
  )

/**
 * The subcommand `key`, with subcommands of its own. `exit` receives its exit code.
 *
 * @example Make `key` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { keyCommand } from "@penstock/penstock/cli"
 *
 * const made = keyCommand((code) => console.log(code))
 * assert.equal(made.name, "key")
 * ```
 */
export const keyCommand = (exit: OnExit): AnyCommand =>
  Command.make("key").pipe(
    Command.withDescription("List, add, remove and change the keys of a repository (rozen)"),
    Command.withSubcommands([
      ...[listCommand, addCommand, removeCommand, passwdCommand, rotateCommand, exportCommand, importCommand].map((
        make,
      ) => make(exit)),
    ]),
    Command.withExamples([{ description: "Change the password", command: "penstock key passwd" }]),
  ) as AnyCommand
