/** The options of the format by name, as the command takes them. */
import type { ChosenOptions, FormatOption } from "../format.ts"
import type { SnapshotCatalogOptions } from "./opened.ts"
import type { TreeForm } from "./tree_hash.ts"

export const snapshotCatalogChoices: ReadonlyArray<FormatOption> = [
  {
    name: "wrap",
    values: ["no", "yes"],
    when: "make",
    meaning: "wrap catalogs in zstd, as the later program does",
  },
  {
    name: "tree",
    values: ["document", "program"],
    when: "make",
    meaning: "how trees are hashed: as the document says, or as the later program does",
  },
  {
    name: "catalogs",
    values: ["nested", "flat"],
    when: "make",
    meaning:
      "put catalogs into directories by the first digits of their IDs, or flat, as on the server of the later program",
  },
  {
    name: "machine",
    values: "HEX",
    when: "backup",
    meaning: "the machine's ID; by default that of the newest snapshot of the same host, else that of /etc/machine-id",
    problem: (value) => machineFrom(value) === undefined ? "is not a machine ID of 32 hex digits" : undefined,
  },
  { name: "name", values: "NAME", when: "backup", meaning: "a name of the snapshot for people" },
]

export const chosenSnapshotCatalog = (
  chosen: ChosenOptions,
): Pick<SnapshotCatalogOptions, "wrap" | "tree" | "catalogs" | "machine" | "name"> => {
  const one = (name: string): string | undefined => chosen.get(name)?.[0]
  const [wrap, tree, catalogs, name] = [one("wrap"), one("tree"), one("catalogs"), one("name")]
  const machine = machineFrom(one("machine") ?? "")
  return {
    ...(wrap === undefined ? {} : { wrap: wrap === "yes" }),
    ...(tree === undefined ? {} : { tree: tree as TreeForm }),
    ...(catalogs === undefined ? {} : { catalogs: catalogs as "nested" | "flat" }),
    ...(machine === undefined ? {} : { machine }),
    ...(name === undefined ? {} : { name }),
  }
}

const machineFrom = (text: string): string | undefined => {
  const digits = text.replaceAll("-", "").toLowerCase()
  return /^[0-9a-f]{32}$/.test(digits) ? digits : undefined
}
