import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { describeLocation, parseLocation } from "../../../../adapters/store/sftp/location.ts"
import { StoreError } from "../../../../stages/store/store.ts"

describe("the location of an SFTP store", () => {
  it("is a URL, or the form of scp", () => {
    const good: ReadonlyArray<readonly [location: string, parsed: unknown, described: string]> = [
      ["sftp://h/srv/x", { host: "h", path: "/srv/x" }, "sftp://h/srv/x"],
      ["sftp://u@h:2222/srv/x/", { user: "u", host: "h", port: 2222, path: "/srv/x" }, "sftp://u@h:2222/srv/x"],
      ["sftp://u@h//srv/x", { user: "u", host: "h", path: "/srv/x" }, "sftp://u@h/srv/x"],
      ["sftp://u@h/~/x", { user: "u", host: "h", path: "x" }, "sftp://u@h/~/x"],
      ["sftp://h/~", { host: "h", path: "." }, "sftp://h/~"],
      ["sftp://h/", { host: "h", path: "/" }, "sftp://h/"],
      ["sftp://[::1]:22/a%20b", { host: "::1", port: 22, path: "/a b" }, "sftp://[::1]:22/a b"],
      ["sftp:h:x/y", { host: "h", path: "x/y" }, "sftp://h/~/x/y"],
      ["sftp:u@h:/srv/x", { user: "u", host: "h", path: "/srv/x" }, "sftp://u@h/srv/x"],
      ["sftp:u@[::1]:x", { user: "u", host: "::1", path: "x" }, "sftp://u@[::1]/~/x"],
      [
        "sftp://h/x?identity=/k%20ey&known-hosts=~/kh",
        { host: "h", path: "/x", identity: "/k ey", knownHosts: "~/kh" },
        "sftp://h/x",
      ],
      ["sftp:h:x?identity=k", { host: "h", path: "x", identity: "k" }, "sftp://h/~/x"],
    ]
    for (const [location, parsed, described] of good) {
      const found = parseLocation(location)
      assert.deepEqual(found, parsed, location)
      assert.equal(found instanceof StoreError ? "" : describeLocation(found), described)
    }
  })

  it("is refused and not quoted if it has a password or cannot be read", () => {
    const bad: ReadonlyArray<readonly [location: string, message: RegExp]> = [
      ["sftp://u:hunter2@h/x", /PENSTOCK_SFTP_PASSWORD/],
      ["sftp:u:hunter2@h:x", /PENSTOCK_SFTP_PASSWORD/],
      ["sftp://u@h/x?password=hunter2", /PENSTOCK_SFTP_PASSWORD/],
      ["sftp://u@h/x?passphrase=hunter2", /PENSTOCK_SFTP_PASSWORD/],
      ["sftp://hunter2", /no path/],
      ["sftp://h:99999/hunter2", /65535/],
      ["sftp:///hunter2", /host/],
      ["sftp:hunter2", /host and path/],
      ["sftp:hunter2:", /no path/],
      ["sftp://-oProxyCommand=hunter2/x", /host/],
      ["sftp:-l@hunter2:x", /user/],
      ["sftp://h/x?color=hunter2", /option/],
      ["sftp://h/x?identity=", /without a value/],
      ["sftp://h/%ff/hunter2", /escape/],
      ["sftp://h/a%0Ahunter2", /control/],
    ]
    for (const [location, message] of bad) {
      const found = parseLocation(location)
      assert.ok(found instanceof StoreError, location)
      assert.equal(found.reason, "invalid")
      assert.match(found.message, message, location)
      assert.ok(!found.message.includes("hunter2"), found.message)
    }
  })
})
