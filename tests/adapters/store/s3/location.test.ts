import assert from "node:assert/strict"
import { test } from "node:test"
import { parseS3Location, type S3Location, showS3Location } from "../../../../adapters/store/s3/location.ts"
import { StoreError } from "../../../../stages/store/store.ts"

test("locations are read, in the form of URLs and in restic's", () => {
  const cases: ReadonlyArray<readonly [string, S3Location, string]> = [
    ["s3://bucket", { bucket: "bucket", prefix: "" }, "s3://bucket"],
    ["s3://bucket/", { bucket: "bucket", prefix: "" }, "s3://bucket"],
    ["s3://bucket/a/b/", { bucket: "bucket", prefix: "a/b/" }, "s3://bucket/a/b"],
    ["s3://bucket//a%20b", { bucket: "bucket", prefix: "a b/" }, "s3://bucket/a b"],
    ["s3:s3.amazonaws.com/bucket/p", { bucket: "bucket", prefix: "p/" }, "s3://bucket/p"],
    ["s3:s3.eu-west-1.amazonaws.com/bucket", { bucket: "bucket", prefix: "", region: "eu-west-1" }, "s3://bucket"],
    [
      "s3:https://s3-eu-west-1.amazonaws.com/bucket",
      { bucket: "bucket", prefix: "", region: "eu-west-1" },
      "s3://bucket",
    ],
    ["s3:http://127.0.0.1:9000/bucket/p", {
      bucket: "bucket",
      prefix: "p/",
      endpoint: "http://127.0.0.1:9000",
    }, "s3:http://127.0.0.1:9000/bucket/p"],
    ["s3:http://[::1]:9000/bucket/a@b:c", {
      bucket: "bucket",
      prefix: "a@b:c/",
      endpoint: "http://[::1]:9000",
    }, "s3:http://[::1]:9000/bucket/a@b:c"],
    ["s3:storage.example:8443/bucket", {
      bucket: "bucket",
      prefix: "",
      endpoint: "https://storage.example:8443",
    }, "s3:https://storage.example:8443/bucket"],
    [
      "S3://b-1.x/p?endpoint=https://h:1&region=r-1&path-style=false&storage-class=GLACIER_IR&sse=aws:kms&sse-kms-key-id=arn:aws:kms:x/y&profile=me",
      {
        bucket: "b-1.x",
        prefix: "p/",
        endpoint: "https://h:1",
        region: "r-1",
        pathStyle: false,
        storageClass: "GLACIER_IR",
        encryption: "aws:kms",
        encryptionKey: "arn:aws:kms:x/y",
        profile: "me",
      },
      "s3:https://h:1/b-1.x/p",
    ],
  ]
  for (const [text, location, shown] of cases) {
    assert.deepEqual(parseS3Location(text), location, text)
    assert.equal(showS3Location(location), shown)
  }
})

test("invalid locations are refused with the way out, and secrets are not repeated", () => {
  const cases: ReadonlyArray<readonly [string, RegExp]> = [
    ["s3:", /write s3:\/\/bucket\/prefix/],
    ["s3://", /it names no bucket/],
    ["s3:https://host", /it names no bucket/],
    ["s3://b", /cannot be the name of a bucket/],
    ["s3://bu cket", /cannot be the name of a bucket/],
    ["s3://bucket/a/../b", /its path has a component/],
    ["s3://bucket/a%00b", /its path has a component/],
    ["s3://bucket/%zz", /write %25/],
    ["s3://bucket/a#b", /write %23/],
    [`s3://bucket/${"a".repeat(400)}`, /longer than 384 bytes/],
    ["s3://bucket?colour=red", /"colour" is not a setting; the settings are endpoint, region, path-style/],
    ["s3://bucket?region=a&region=b", /"region" is given twice/],
    ["s3://bucket?region=a.b", /cannot be the name of a region/],
    ["s3://bucket?region=", /"region" is empty/],
    ["s3://bucket?path-style=yes", /"path-style" is true or false/],
    ["s3://bucket?sse=none", /"sse" is AES256, aws:kms/],
    ["s3://bucket?sse=AES256&sse-kms-key-id=x", /needs sse=aws:kms/],
    ["s3://bucket?endpoint=host", /its endpoint is not a URL|neither https: nor http:/],
    ["s3://bucket?endpoint=ftp://host", /neither https: nor http:/],
    ["s3://bucket?endpoint=https://host/path", /has a path or query/],
    ["s3:https://host/bucket?endpoint=https://host", /names its server twice/],
    ["s3:http://s3.amazonaws.com/bucket", /AWS is reached by https: only/],
    ["s3://AKID:hunter2@bucket/p", /it holds credentials.*set AWS_ACCESS_KEY_ID/],
    ["s3://AKID:hunter2/x/y@bucket/p", /it holds credentials/],
    ["s3:https://AKID:hunter2/x/y@host/bucket/p", /it holds credentials/],
    ["s3:AKID:hunter2@host/bucket/p", /it holds credentials/],
    ["s3:AKID@host/bucket/p", /it holds credentials/],
    ["s3:https://AKID:hunter2@host/bucket/p", /it holds credentials/],
    ["s3://bucket?endpoint=https://AKID:hunter2@host", /it holds credentials/],
    ["s3://bucket?secret-access-key=hunter2", /it holds credentials/],
    ["s3://bucket?X-Amz-Signature=hunter2", /it holds credentials/],
  ]
  for (const [location, message] of cases) {
    assert.throws(() => parseS3Location(location), (error) => {
      assert.ok(error instanceof StoreError, `${location}: ${error}`)
      assert.equal(error.reason, "invalid")
      assert.match(error.message, message, location)
      assert.ok(!error.message.includes("hunter2"))
      return true
    })
  }
})
