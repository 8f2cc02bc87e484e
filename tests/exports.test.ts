/**
 * package.json, deno.json and package-lock.json say the same: name of the command, version, entry points, dependencies.
 */
// On one runtime: it reads sources, and no code of the library runs.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { delimiter, join, resolve } from "node:path"
import { test } from "node:test"

const root = resolve(import.meta.dirname, "..")

interface Npm {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}
interface Jsr {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly exports: Readonly<Record<string, string>>
  readonly imports: Readonly<Record<string, string>>
  readonly tasks: Readonly<Record<string, string>>
}
interface Lock {
  readonly name: string
  readonly packages: Readonly<Record<string, LockedPackage>>
}
interface LockedPackage {
  readonly version?: string
  readonly hasInstallScript?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const read = (name: string): unknown => JSON.parse(readFileSync(join(root, name), "utf8"))
const npm = read("package.json") as Npm
const jsr = read("deno.json") as Jsr
const lock = read("package-lock.json") as Lock

test("both registries get the same name, version, licence and entry points; the command has a shorter name", () => {
  assert.equal(npm.name, "@penstock/penstock")
  assert.equal(jsr.name, npm.name)
  assert.equal(lock.name, npm.name)
  assert.deepEqual(Object.keys(npm.bin), ["penstock"])
  assert.equal(jsr.version, npm.version)
  assert.equal(jsr.license, npm.license)
  const wanted = Object.fromEntries(
    Object.entries(jsr.exports).map(([subpath, source]) => {
      assert.ok(existsSync(join(root, source)), `deno.json exports ${subpath} as ${source}, which does not exist`)
      const built = source.replace(/^\.\//, "./dist/").replace(/\.ts$/, "")
      return [subpath, { types: `${built}.d.ts`, default: `${built}.js` }]
    }),
  )
  const { "./package.json": _, ...found } = npm.exports
  assert.deepEqual(found, wanted)
})

test("the command is built from a source with a shebang", () => {
  for (const [name, built] of Object.entries(npm.bin)) {
    const source = join(root, built.replace(/^dist\/bin\//, "cli/").replace(/\.js$/, ".ts"))
    assert.match(readFileSync(source, "utf8"), /^#!\/usr\/bin\/env node\n/, `${name} starts with a shebang`)
  }
})

test("deno.json gives every dependency the version of package.json, exact but for what users have themselves", () => {
  const own = { ...npm.dependencies, ...npm.optionalDependencies }
  for (const [name, version] of Object.entries({ ...own, ...npm.devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+/, `${name} is pinned`)
  }
  // A second copy of effect would break types and secrets: it is the user's, of any later version of the same kind.
  assert.deepEqual(npm.peerDependencies, { effect: `^${npm.devDependencies["effect"]}` })
  assert.equal(own["effect"], undefined)
  assert.deepEqual(
    jsr.imports,
    Object.fromEntries(
      Object.entries({ ...own, ...npm.peerDependencies }).map(([name, version]) => [name, `npm:${name}@${version}`]),
    ),
  )
})

test("every package that the published sources import is a dependency", () => {
  const imported = new Set<string>()
  for (const folder of ["stages", "formats", "adapters", "cli"]) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue
      const source = readFileSync(join(root, folder, path), "utf8")
      for (const [, name] of source.matchAll(/^(?:import|export|\}).*\bfrom "((?:@[\w.-]+\/)?[\w-][\w.-]*)/gm)) {
        imported.add(name!)
      }
    }
  }
  const missing = [...imported].filter((name) => !name.startsWith("node:") && name !== "node")
    .filter((name) => {
      const { dependencies, optionalDependencies, peerDependencies } = npm
      return (dependencies[name] ?? optionalDependencies[name] ?? peerDependencies[name]) === undefined
    })
  assert.deepEqual(missing, [])
})

// npm writes no entry for an optional package that its registry lacks, and newer npm then refuses the lock file:
// `npm ci` fails for all.
test("the lock file names every package that another one asks for", () => {
  const missing: string[] = []
  for (const [path, { dependencies, optionalDependencies, devDependencies }] of Object.entries(lock.packages)) {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies })) {
      const nested = lock.packages[`${path}/node_modules/${name}`] ?? lock.packages[`node_modules/${name}`]
      if (nested === undefined) missing.push(`${path || "package.json"} asks for ${name}`)
    }
  }
  assert.deepEqual(missing, [])
  const asked = { ...npm.dependencies, ...npm.optionalDependencies, ...npm.devDependencies }
  for (const [name, version] of Object.entries(asked)) {
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, `locked version of ${name}`)
  }
})

test("install scripts run only for packages that package.json allows", () => {
  const scripted = Object.entries(lock.packages).filter(([, one]) => one.hasInstallScript).map(([path]) =>
    path.replace(/^.*node_modules\//, "")
  )
  assert.deepEqual(scripted.sort(), Object.keys(npm.allowScripts).sort())
})

// `deno task` runs a command that it finds in node_modules/.bin as JavaScript, and the `deno` there is a program:
// `env deno` gets past that.
test("the commands of the README start: npm run backup, deno task restore", () => {
  for (const [name, task] of Object.entries(jsr.tasks)) assert.doesNotMatch(task, /^deno /, `task ${name}`)
  const bin = join(root, "node_modules/.bin")
  const env = { ...process.env, PATH: [bin, process.env["PATH"]].join(delimiter) }
  const commands = [["npm", "run", "--silent", "backup", "--", "--help"], [
    "deno",
    "task",
    "restore",
    "--help",
  ]] as const
  for (const [command, ...args] of commands) {
    const done = spawnSync(command, args, { cwd: root, env, encoding: "utf8" })
    assert.equal(done.status, 0, `${command} ${args.join(" ")}: ${done.error?.message ?? ""}${done.stderr}`)
    assert.match(done.stdout, /--repo/)
  }
})
