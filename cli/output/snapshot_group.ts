/** What a group of snapshots has in common, for people. */
import type { SnapshotGroup } from "../../formats/retention/group.ts"
import { displayPath } from "../../stages/walk/path.ts"

/** The facts that the snapshots of a group share. */
export type GroupFacts = Omit<SnapshotGroup<never>, "snapshots">

/** ` of host web, paths /etc /srv`; `""` if the snapshots have nothing in common. */
export const ofGroup = ({ host, paths, tags }: GroupFacts): string => {
  const facts = [
    ...(host === undefined ? [] : [host === "" ? "no host" : `host ${displayPath(host)}`]),
    ...(paths === undefined || paths.length === 0
      ? []
      : [`${paths.length === 1 ? "path" : "paths"} ${paths.map(displayPath).join(" ")}`]),
    ...(tags === undefined ? [] : [tags.length === 0 ? "no tags" : `tags ${tags.map(displayPath).join(",")}`]),
  ]
  return facts.length === 0 ? "" : ` of ${facts.join(", ")}`
}
