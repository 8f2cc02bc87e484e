import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SourceError } from "./errors.ts"
import { plan, type Planned } from "../plan/plan.ts"
import { Source, type WalkOptions } from "./source.ts"

/** All that is beneath a root of the {@link Source}, ready for the other stages. */
export const walk = (
  root: string,
  options: WalkOptions = {},
): Stream.Stream<Planned<readonly ["walk"]>, SourceError, Source> =>
  plan(Stream.unwrap(Effect.map(Source, (source) => source.entries(root, options))))
