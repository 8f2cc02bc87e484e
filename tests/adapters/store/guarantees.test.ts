/** The table in adapters/store/README.md matches the properties that the stores declare. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { test } from "node:test"
import { httpGuarantees } from "../../../adapters/store/http/http.ts"
import { localGuarantees } from "../../../adapters/store/local/local.ts"
import { memoryGuarantees } from "../../../adapters/store/memory/memory.ts"
import { s3Guarantees } from "../../../adapters/store/s3/s3.ts"
import { sftpGuarantees } from "../../../adapters/store/sftp/sftp.ts"
import { singleFileGuarantees } from "../../../adapters/store/single_file/single_file.ts"
import { sqliteGuarantees } from "../../../adapters/store/sqlite/sqlite.ts"
import { webdavGuarantees } from "../../../adapters/store/webdav/webdav.ts"
import type { StoreGuarantees } from "../../../stages/store/store.ts"

/** Every store, in the order of the table. */
const stores: ReadonlyArray<readonly [name: string, guarantees: StoreGuarantees]> = [
  ["a directory: `path`, `file:///path`", localGuarantees],
  ["a single file (zprt)", singleFileGuarantees],
  ["a SQLite database: `sqlite:path`", sqliteGuarantees],
  ["S3: `s3://bucket/prefix`, `s3:https://host/bucket/prefix`", s3Guarantees],
  ["SFTP: `sftp://user@host/path`, `sftp:user@host:path`", sftpGuarantees],
  ["WebDAV: `webdav+https://user@host/path`", webdavGuarantees],
  ["a web server: `https://host/path`", httpGuarantees],
  ["memory: `memory:name`", memoryGuarantees],
]

/** The columns. The type demands that every property is here. */
const columns: { readonly [K in keyof Required<StoreGuarantees>]: string } = {
  atomicCreate: "atomic create",
  durable: "durable",
  orderedList: "ordered listing",
  remote: "remote",
  readOnly: "read-only",
  appends: "appends",
  paced: "paced",
  contentType: "content types",
  connections: "connections",
}

const cell = (value: boolean | number | undefined): string =>
  typeof value === "number" ? String(value) : value === true ? "yes" : "no"

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |\n`

test("the table of guarantees matches the stores", () => {
  const keys = Object.keys(columns) as Array<keyof StoreGuarantees>
  const table = row(["store", ...keys.map((key) => columns[key])]) +
    row(["store", ...keys].map(() => "---")) +
    stores.map(([name, guarantees]) => row([name, ...keys.map((key) => cell(guarantees[key]))])).join("")
  const page = readFileSync(join(resolve(import.meta.dirname, "../../.."), "adapters/store/README.md"), "utf8")
  const found = /<!-- guarantees -->\n([^]*?)<!-- end -->/.exec(page)?.[1]
  assert.equal(found, table)
})
