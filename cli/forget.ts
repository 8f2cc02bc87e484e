/** `penstock forget`: removes snapshots, by ID or by a policy. */
import * as Effect from "effect/Effect"
import type { Repository, SnapshotInfo } from "../formats/repository.ts"
import { type GroupFact, groupSnapshots } from "../formats/retention/group.ts"
import { isEmptyPolicy, type RetentionPolicy } from "../formats/retention/policy.ts"
import { retain, type Retention } from "../formats/retention/retain.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { notZero } from "./output/row.ts"
import { plural } from "./output/show.ts"
import { type GroupFacts, ofGroup } from "./output/snapshot_group.ts"
import { snapshotTable } from "./output/snapshot_table.ts"
import { makeTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { type OpenRepository, withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { groupingOf, type PolicyInput, policyOf } from "./selection/policy.ts"
import { describeUnlisted, filterOf, listSnapshots, pickSnapshots, type SnapshotFilter } from "./selection/snapshots.ts"
import { snapshotRow } from "./snapshots.ts"

export interface ForgetInput extends CommonInput, FilterInput, PolicyInput {
  /** Starts of the IDs of snapshots, or `latest`. */
  readonly ids: ReadonlyArray<string>
  readonly groupBy: string
  readonly unsafeAllowRemoveAll: boolean
  readonly dryRun: boolean
}

/** What is to be kept and removed of snapshots that belong together. */
interface Decision extends Retention<SnapshotInfo> {
  /** What they have in common. */
  readonly group: GroupFacts
}

/** Runs `forget`. Returns the exit code: 3 if an ID is of no snapshot, or if snapshots cannot be listed. */
export const forget: (input: ForgetInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const filter = yield* filterOf(input)
  const policy = yield* policyOf(input)
  const by = yield* groupingOf(input.groupBy)
  yield* refuseUnclear(input, policy, filter)
  return yield* withRepository(
    input,
    "open",
    { traffic, admit: admitFilter(input, { tags: input.keepTag.length > 0 ? "--keep-tag" : undefined }) },
    Effect.fnUntraced(function* (repository, open) {
      const remove = yield* removing(repository, open)
      const listing = yield* listSnapshots(repository)
      const { unknown, wanted } = yield* pickSnapshots(input.ids, listing, filter, out)
      const decisions: ReadonlyArray<Decision> = input.ids.length > 0
        ? [{ group: {}, kept: [], removed: wanted.toReversed() }]
        : yield* decideByPolicy(wanted, policy, by)
      for (const decision of decisions) print(decision, out)
      const removed = decisions.flatMap((decision) => decision.removed)
      const kept = decisions.reduce((sum, decision) => sum + decision.kept.length, 0)
      if (!input.dryRun && removed.length > 0) yield* remove(removed)
      out.note(`${input.dryRun ? "Would forget" : "Forgot"} ${plural(removed.length, "snapshot")}`)
      if (!input.dryRun && removed.length > 0) {
        out.note("What only they held still takes up space: Penstock cannot free it yet")
      }
      const { unlisted } = listing
      out.row({
        type: "summary",
        kept,
        removed: removed.length,
        ...(input.dryRun ? { dryRun: true } : {}),
        unknown,
        ...notZero({ unlisted }),
        ...trafficMembers(traffic),
      })
      if (unlisted > 0) out.warn(describeUnlisted(unlisted))
      return unknown + unlisted === 0 ? EXIT_OK : EXIT_INCOMPLETE
    }),
  )
})

/** Refuses options that do not say what to keep, or say it twice. */
const refuseUnclear = (
  { ids, unsafeAllowRemoveAll }: ForgetInput,
  policy: RetentionPolicy,
  { given }: SnapshotFilter,
): Effect.Effect<void, UsageError> => {
  const refuse = (message: string) => Effect.fail(new UsageError({ message }))
  const isEmpty = isEmptyPolicy(policy)
  if (ids.length > 0) {
    return isEmpty ? Effect.void : refuse("Give either the IDs of snapshots to forget, or --keep options, not both")
  }
  if (!isEmpty) return Effect.void
  if (!unsafeAllowRemoveAll) {
    return refuse("Nothing says which snapshots to keep: give --keep options, such as --keep-daily 7, or IDs to forget")
  }
  return given === ""
    ? refuse("--unsafe-allow-remove-all needs --host, --path or --tag, which say of what to forget all snapshots")
    : Effect.void
}

/** How a repository forgets. Fails if its format cannot. */
const removing = (
  { forget, format }: Repository,
  { location, source }: OpenRepository,
): Effect.Effect<NonNullable<Repository["forget"]>, UsageError> =>
  forget !== undefined ? Effect.succeed(forget) : Effect.fail(
    new UsageError({
      message: source.file === undefined
        ? `The repository at ${location} is of the format ${format}, which cannot forget snapshots: penstock convert ` +
          "makes one that can"
        : `${location} is an archive of the format ${source.name}, which holds one snapshot: remove the file instead`,
    }),
  )

/** Decides for each group. Fails if the policy would keep none of a group. An empty policy is meant to. */
const decideByPolicy = (
  snapshots: ReadonlyArray<SnapshotInfo>,
  policy: RetentionPolicy,
  by: ReadonlyArray<GroupFact>,
): Effect.Effect<ReadonlyArray<Decision>, UsageError> => {
  const decisions = groupSnapshots(snapshots, by).map(({ snapshots, ...group }) => ({
    group,
    ...retain(snapshots, policy),
  }))
  const lost = isEmptyPolicy(policy) ? undefined : decisions.find(({ kept }) => kept.length === 0)
  return lost === undefined ? Effect.succeed(decisions) : Effect.fail(
    new UsageError({
      message:
        `This would keep none of the ${plural(lost.removed.length, "snapshot")}${
          ofGroup(lost.group)
        }, so nothing was ` +
        "forgotten: keep more, or choose other snapshots with --host, --path and --tag. To forget all that these " +
        "choose, give --unsafe-allow-remove-all and no --keep option",
    }),
  )
}

/** Prints a decision, with the oldest snapshots first. */
const print = (decision: Decision, out: Output): void => {
  const { group, kept, removed } = decision
  const reasonsOf = new Map(kept.map(({ reasons, snapshot }) => [snapshot, reasons]))
  const lists = [
    ["keep", "Keep", kept.map(({ snapshot }) => snapshot).reverse()],
    ["remove", "Remove", removed.toReversed()],
  ] as const
  for (const [type, word, snapshots] of lists) {
    if (snapshots.length === 0) continue
    for (const snapshot of snapshots) {
      const reasons = reasonsOf.get(snapshot)
      out.row({ ...snapshotRow(snapshot), type, ...(reasons === undefined ? {} : { reasons }), group })
    }
    if (out.json) continue
    out.note(`${word} ${plural(snapshots.length, "snapshot")}${ofGroup(group)}:`)
    const why = type === "keep" ? (one: SnapshotInfo) => reasonsOf.get(one)! : undefined
    for (const line of snapshotTable(snapshots, { reasonsOf: why })) {
      out.note(line)
    }
    out.note("")
  }
}
