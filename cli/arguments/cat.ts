/** The arguments of `cat`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import type { CatObject } from "../cat.ts"
import { type AnyCommand, command, type OnExit } from "./command.ts"
import { argument } from "./flag.ts"
import { common } from "./flags.ts"

const OBJECTS: ReadonlyArray<CatObject> = ["config", "keys", "snapshot", "index"]

/**
 * The subcommand `cat`. `exit` receives its exit code.
 *
 * @example Make `cat` a part of a command of your own
 * ```ts
 * import assert from "node:assert"
 * import { catCommand } from "@penstock/penstock/cli"
 *
 * const made = catCommand((code) => console.log(code))
 * assert.equal(made.name, "cat")
 * ```
 */
export const catCommand = (exit: OnExit): AnyCommand =>
  command(
    "cat",
    {
      what: Argument.Literals("what", OBJECTS).pipe(
        Argument.withMetavar("WHAT"),
        Argument.withDescription("config, keys, snapshot or index"),
      ),
      id: argument("id", "Of a snapshot: the start of its ID, or latest"),
      ...common,
    },
    (input) => import("../cat.ts").then((m) => m.cat(input)),
    exit,
  ).pipe(
    Command.withDescription(
      "Print what a repository stores about itself, as JSON and without secrets, to look for an error",
    ),
    Command.withShortDescription("Print internals of a repository, without secrets"),
    Command.withExamples([
      { description: "What is stored of a snapshot", command: "penstock cat snapshot 1a2b3c4d" },
      { description: "The packs that the indexes list", command: "penstock cat index --json" },
    ]),
  )
