/** Standard input and the output of commands; and a PATH that is neither a file nor a directory. */
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { accelerators } from "../../../adapters/runtime/accelerators.ts"
import { UsageError } from "../../../cli/process/usage_error.ts"
import { inputEntries } from "../../../cli/source/stdin.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { skipIf } from "../../skip.ts"
import { quickFormats } from "../process/quick_formats.ts"
import { basicEnvironment, commandOf, inDirectory, penstock, rowsOf } from "../process/spawn.ts"

const noise = new Uint8Array(3 << 20).map((_, i) => (i * 2654435761) >>> 13)

test("input that fails or is empty makes no snapshot in any format", async () => {
  const cases: ReadonlyArray<readonly [string, Stream.Stream<Uint8Array, UsageError>, number | undefined]> = [
    ["fails at once", Stream.fail(new UsageError({ message: "broken" })), undefined],
    [
      "fails after some megabytes",
      Stream.concat(Stream.make(noise, noise), Stream.fail(new UsageError({ message: "broken" }))),
      undefined,
    ],
    ["is empty", Stream.make(new Uint8Array(0)), 3],
    ["is whole", Stream.make(new Uint8Array([1, 2]), noise), undefined],
  ]
  for (const source of quickFormats) {
    const format = await source.load!()
    const secrets = source.secrets.includes("key-file")
      ? { key: Redacted.make(new Uint8Array(32)) }
      : source.secrets.length === 0
      ? {}
      : { password: Redacted.make("secret") }
    const store = await Effect.runPromise(memoryStore.make())
    await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const repository = yield* format.create(secrets)
        for (const [name, bytes, exitCode] of cases) {
          const { entries, failed } = yield* inputEntries("a/b", { what: "It", bytes })
          const what = `${source.name} ${name}`
          const ended = yield* Effect.result(
            Effect.raceFirst(repository.backup(entries, { hostname: "h", paths: ["/a/b"] }), failed),
          )
          assert.equal(ended._tag, name === "is whole" ? "Success" : "Failure", what)
          if (ended._tag === "Failure") {
            assert.ok(ended.failure instanceof UsageError, what)
            assert.equal(ended.failure.exitCode, exitCode, what)
          }
          const there = (yield* repository.snapshots).filter(({ files }) => files === undefined || files > 0)
          assert.equal(there.length, name === "is whole" ? 1 : 0, what)
        }
      })).pipe(Effect.provideService(ObjectStore, store), Effect.provide(accelerators)),
    )
  }
})

/** Runs a line in bash, as a user would type it. `"$@"` is the command. */
const inShell = (line: string, directory: string) => {
  const { status, stderr, stdout } = spawnSync("bash", [
    "-c",
    line,
    "bash",
    ...commandOf("tests/cli/process/fake_main.ts"),
    "penstock",
  ], { cwd: directory, env: { ...basicEnvironment(), PENSTOCK_PASSWORD: "secret" }, encoding: "utf8" })
  return { code: status, stdout, stderr }
}

const noBash = (process.platform === "win32" || spawnSync("bash", ["-c", "true"]).error !== undefined) &&
  "there is no bash here"

test(...skipIf(noBash, "the output of a command is stored if its exit code is 0"), async () => {
  await inDirectory(async (at) => {
    const run = (line: string) => inShell(line, at("."))
    assert.equal((await penstock(["init", "-r", at("repo")])).code, 0)
    const cases: ReadonlyArray<readonly [line: string, code: number, stderr: RegExp]> = [
      [
        '"$@" backup -r repo --stdin-from-command -- sh -c "echo half; exit 3"',
        1,
        /^penstock: The command sh failed with exit code 3; no snapshot was made\n$/,
      ],
      [
        '"$@" backup -r repo --stdin-from-command -- sh -c "echo half; kill -9 \\$\\$"',
        1,
        /The command sh was ended by SIGKILL; no/,
      ],
      [
        '"$@" backup -r repo --stdin-from-command -- true',
        3,
        /^penstock: The command true gave no data; no snapshot was made\n$/,
      ],
      [
        '"$@" backup -r repo --stdin-from-command -- /no/such',
        1,
        /The command \/no\/such cannot be run: .*; no snapshot/,
      ],
      [
        '"$@" backup -r repo --stdin-from-command -- /etc/passwd/sh',
        1,
        /^penstock: The command \/etc\/passwd\/sh cannot be run: .*; no snapshot was made\n$/,
      ],
      ['"$@" backup -r repo --stdin-from-command', 1, /^penstock: No command is given/],
      [
        `"$@" backup -r repo --stdin-from-command -- '' x`,
        1,
        /^penstock: The command after --stdin-from-command -- is empty: give the program [^\n]*\n$/,
      ],
      ['"$@" backup -r repo --stdin-from-command --stdin -- true', 1, /^penstock: Give one of/],
      [
        'echo x | "$@" backup -r repo --stdin --exclude x',
        1,
        /^penstock: --exclude and --one-file-system are for paths/,
      ],
      ['"$@" backup -r repo --stdin </dev/null', 3, /^penstock: Standard input gave no data; no snapshot/],
      ['"$@" backup -r repo --stdin <.', 1, /^penstock: Standard input is a directory: name it as a path/],
      ['"$@" backup -r repo --tar <.', 1, /^penstock: Standard input is a directory/],
      [
        '"$@" backup -r repo <(echo hello)',
        1,
        /^penstock: \/dev\/fd\/\d+ is a pipe; .*--stdin-from-command -- COMMAND/,
      ],
      ['"$@" backup -r repo --stdin-from-command -- sh -c "echo whole; echo said >&2"', 0, /^said\n$/],
      ['echo whole | "$@" backup -r repo --time 2026-01-01 --stdin', 0, /^$/],
    ]
    for (const [line, code, stderr] of cases) {
      const ended = run(line)
      assert.equal(ended.code, code, `${line}: ${ended.stderr}`)
      assert.match(ended.stderr, stderr)
    }
    const listed = rowsOf(await penstock(["snapshots", "-r", at("repo"), "--json"]))
    assert.deepEqual(listed.map(({ type, bytes }) => [type, bytes]), [
      ["snapshot", 6],
      ["snapshot", 6],
      ["summary", undefined],
    ])
  })
})

const noFifo = process.platform === "win32" && "Windows has no fifos"

test(
  ...skipIf(
    noFifo,
    "a PATH that is neither a file nor a directory is stored with its content, or the command says that it is not",
  ),
  async () => {
    await inDirectory(async (at) => {
      mkdirSync(at("d"))
      writeFileSync(at("d/file"), "content")
      execFileSync("mkfifo", [at("fifo")])
      for (
        const [name, target] of [["tofile", "d/file"], ["todir", "d"], ["dangling", "no"], ["tofifo", "fifo"]] as const
      ) {
        symlinkSync(target, at(name))
      }
      assert.equal((await penstock(["init", "-r", at("repo")])).code, 0)
      const backup = (...names: ReadonlyArray<string>) =>
        penstock(["backup", "--json", "-r", at("repo"), ...names.map((name) => name.startsWith("/") ? name : at(name))])
      const kinds = async () => {
        const rows = rowsOf(await penstock(["ls", "--json", "-r", at("repo")]))
        return rows.filter(({ type }) => type === "entry").map(({ kind, path, size }) => [path, kind, size])
      }
      const content = await backup("tofile")
      assert.equal(content.code, 0, content.stderr)
      assert.deepEqual(await kinds(), [["tofile", "file", 7]])
      const several = await backup("tofile", "todir", "fifo", "dangling", "tofifo")
      assert.equal(several.code, 3, several.stderr)
      assert.deepEqual(
        rowsOf(several).filter(({ type }) => type === "problem").map(({ path, message }) => [path, message]),
        [
          [
            "fifo",
            `Stored as a pipe, without content; to store its content: penstock backup --stdin < ${at("fifo")}`,
          ],
          ["dangling", "Stored as a symlink, which points to nothing"],
          [
            "tofifo",
            `Stored as a symlink, which points to a pipe; to store its content: penstock backup --stdin < ${
              at("tofifo")
            }`,
          ],
        ],
      )
      assert.deepEqual(await kinds(), [
        ["tofile", "file", 7],
        ["todir", "directory", 0],
        ["todir/file", "file", 7],
        ["fifo", "fifo", 0],
        ["dangling", "symlink", 0],
        ["tofifo", "symlink", 0],
      ])
      const device = await backup("/dev/null")
      assert.equal(device.code, 3)
      assert.match(device.stderr, /null: Stored as a character device, without content; .*--stdin < \/dev\/null/)
      const gone = await backup("none", "nothing")
      assert.equal(gone.code, 1)
      assert.match(gone.stderr, /^penstock: None of the paths to back up exists: .*none, .*nothing\n$/)
    })
  },
)
