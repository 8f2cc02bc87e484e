/** Archives made by hand, for tests. */
import { concat } from "effect/Bytes"
import { encodeHeader, type Header, padded } from "../../../stages/tar/header.ts"

/** Fields of a header. */
export type MemberFields = Header

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A member; its size is that of the data unless `fields` say otherwise. */
export const member = (fields: Partial<MemberFields>, data = ""): Uint8Array => {
  const content = bytesOf(data)
  const { name = "x", link = "", user = "", group = "", ...rest } = fields
  const header = encodeHeader({
    ...{ mode: 0o644, uid: 0, gid: 0, size: content.length, mtime: 0, type: "0", major: 0, minor: 0 },
    ...rest,
    ...{ name: bytesOf(name), link: bytesOf(link), user: bytesOf(user), group: bytesOf(group) },
  })
  return concat([header, content, new Uint8Array(padded(content.length) - content.length)])
}

/** An archive of members. */
export const tarOf = (...members: ReadonlyArray<Uint8Array>): Uint8Array => concat([...members, new Uint8Array(1024)])
