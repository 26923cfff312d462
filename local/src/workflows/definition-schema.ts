/** The shapes a workflow definition is made of, as written in YAML; contents below a step are checked by the compiler. */
import * as v from "valibot";
import { LIMITS } from "./limits.ts";

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]*$/;

const Identifier = v.pipe(v.string(), v.regex(IDENTIFIER, "is not a name"));
const Steps = v.pipe(v.array(v.unknown()), v.minLength(1, "must hold at least one step"));

/** A map with exactly one key: how YAML lists name their entries. */
const SingleEntry = v.pipe(
  v.record(v.string(), v.unknown()),
  v.check((entry) => Object.keys(entry).length === 1, "must have exactly one key"),
);

export const StepListSchema = v.pipe(
  v.array(SingleEntry),
  v.minLength(1, "must hold at least one step"),
);

export const RoutineSchema = v.strictObject({
  params: v.optional(v.array(v.union([Identifier, SingleEntry]))),
  steps: Steps,
});

export const StepSchema = v.strictObject({
  assign: v.optional(v.unknown()),
  call: v.optional(v.string()),
  args: v.optional(v.unknown()),
  result: v.optional(Identifier),
  switch: v.optional(v.unknown()),
  for: v.optional(v.unknown()),
  parallel: v.optional(v.unknown()),
  try: v.optional(v.unknown()),
  retry: v.optional(v.unknown()),
  except: v.optional(v.unknown()),
  steps: v.optional(v.unknown()),
  raise: v.optional(v.unknown()),
  return: v.optional(v.unknown()),
  next: v.optional(v.string()),
});

export type StepShape = v.InferOutput<typeof StepSchema>;

/** What a step can be, and what may stand beside it. */
export const STEP_KINDS = {
  assign: ["next"],
  call: ["args", "result", "next"],
  switch: ["next"],
  for: ["next"],
  parallel: ["next"],
  try: ["retry", "except", "next"],
  steps: ["next"],
  raise: [],
  return: [],
  next: [],
} as const satisfies Record<string, readonly (keyof StepShape)[]>;

export type StepKind = keyof typeof STEP_KINDS;

export const AssignSchema = v.pipe(
  v.array(SingleEntry),
  v.maxLength(
    LIMITS.assignmentsPerStep,
    `holds more than ${LIMITS.assignmentsPerStep} assignments`,
  ),
);

export const SwitchSchema = v.pipe(
  v.array(v.looseObject({ condition: v.union([v.boolean(), v.string()]) })),
  v.minLength(1, "must hold at least one condition"),
  v.maxLength(
    LIMITS.conditionsPerSwitch,
    `holds more than ${LIMITS.conditionsPerSwitch} conditions`,
  ),
);

export const ForSchema = v.pipe(
  v.strictObject({
    value: Identifier,
    index: v.optional(Identifier),
    in: v.optional(v.unknown()),
    range: v.optional(v.unknown()),
    steps: Steps,
  }),
  v.check(
    (loop) => (loop.in === undefined) !== (loop.range === undefined),
    'must have either "in" or "range"',
  ),
);

export type ForShape = v.InferOutput<typeof ForSchema>;

export const ParallelSchema = v.pipe(
  v.strictObject({
    shared: v.optional(v.array(Identifier)),
    concurrency_limit: v.optional(v.union([v.number(), v.string()])),
    exception_policy: v.optional(v.literal("continueAll")),
    branches: v.optional(
      v.pipe(
        v.array(SingleEntry),
        v.minLength(1, "must hold at least one branch"),
        v.maxLength(
          LIMITS.branchesPerParallel,
          `holds more than ${LIMITS.branchesPerParallel} branches`,
        ),
      ),
    ),
    for: v.optional(v.unknown()),
  }),
  v.check(
    (step) => (step.branches === undefined) !== (step.for === undefined),
    'must have either "branches" or "for"',
  ),
);

const Amount = v.union([v.number(), v.string()]);

export const RetrySchema = v.union([
  v.string(),
  v.strictObject({
    predicate: v.string(),
    max_retries: v.optional(Amount),
    backoff: v.optional(
      v.union([
        v.string(),
        v.strictObject({
          initial_delay: v.optional(Amount),
          max_delay: v.optional(Amount),
          multiplier: v.optional(Amount),
        }),
      ]),
    ),
  }),
]);

export type RetryShape = Exclude<v.InferOutput<typeof RetrySchema>, string>;

export const ExceptSchema = v.strictObject({ as: v.optional(Identifier), steps: Steps });
