/** Forgeries of the deployment itself: its times, its counters, fields of other moves, missing and mistyped ones. */
import { anyhow, elsewhere, keeping, lacking, other, wired } from "./forge.ts";
import { changed, type Forgery, instead, recorded } from "./forgery.ts";
import { DIGEST, FAILURE, nameOf } from "./move-writes.ts";
import { LONG_AGO } from "./places.ts";
import { OWN_FIELDS, type StateName } from "./the-law.ts";

const HOUR_MS = 3_600_000;
type WireTime = Readonly<Record<string, unknown>>;

/** Times that a client may send and that are not the time of the commit. */
const OTHER_TIMES: readonly (readonly [what: string, value: () => WireTime])[] = [
  ["an hour ago", () => ({ timestampValue: new Date(Date.now() - HOUR_MS).toISOString() })],
  ["in an hour", () => ({ timestampValue: new Date(Date.now() + HOUR_MS).toISOString() })],
  ["what it was before", () => ({ timestampValue: LONG_AGO.toISOString() })],
  [
    "between two milliseconds",
    () => ({ timestampValue: new Date().toISOString().replace("Z", "500Z") }),
  ],
  ["the same time in words", () => ({ stringValue: new Date().toISOString() })],
  ["a number of milliseconds", () => ({ integerValue: String(Date.now()) })],
  ["nothing", () => ({ nullValue: null })],
];

const TIMES: readonly Forgery[] = OTHER_TIMES.flatMap(([what, value]) => [
  changed(`since ${what}`, (change) => wired(change, { stateSince: value() })),
  recorded(`recorded at ${what}`, (record) => wired(record, { at: value() })),
  instead(`since and recorded at ${what}`, ({ change, record, pointer }) => {
    const time = value();
    return [wired(change, { stateSince: time }), wired(record, { at: time }), ...pointer];
  }),
]);

/** Counters that do not go on as they should, told in the document and in its record alike. */
const COUNTERS: readonly Forgery[] = ([-1, 1, 100] as const).flatMap((by) => [
  instead(`an attempt off by ${by}`, (move) => {
    const { change, record, pointer } = move;
    const attempt = move.attempt + by;
    return [other(change, { attempt }), other(record, { attempt }), ...pointer];
  }),
  instead(`a seq off by ${by}`, (move) => {
    const { change, record, pointer } = move;
    const seq = move.seq + by;
    const there = elsewhere(anyhow(record), nameOf(move.seq), nameOf(seq));
    return [other(change, { seq }), other(there, { seq }), ...pointer];
  }),
]);

const SHAPES: readonly Forgery[] = [
  changed("a seq that stands still", (change) => keeping(change, "seq")),
  changed("a seq that is a float", (change, { seq }) =>
    wired(change, { seq: { doubleValue: seq } }),
  ),
  changed("a seq in words", (change, { seq }) => other(change, { seq: String(seq) })),
  changed("an attempt that is a float", (change, { attempt }) =>
    wired(change, { attempt: { doubleValue: attempt } }),
  ),
  changed("a stateSince that stands still", (change) => keeping(change, "stateSince")),
  changed("a state that does not exist", (change) => other(change, { state: "live" })),
  changed("a state in a list", (change, { to }) => other(change, { state: [to] })),
  changed("the state of before", (change, { from }) => other(change, { state: from })),
  ...["state", "seq", "attempt", "stateSince"].map((name) =>
    changed(`no ${name}`, (change) => lacking(change, name)),
  ),
];

/** Another value for every field that some move, some note or nobody may change. */
const FOREIGN: Readonly<Record<string, unknown>> = {
  projectId: "p-other",
  teamId: "blue",
  number: 10_000,
  commit: { sha: "f".repeat(40), message: "", author: "" },
  branch: "evil",
  trigger: "api",
  source: { kind: "commit", rollbackOf: "d-other" },
  createdAt: new Date(0),
  createdBy: "eve",
  configHash: "evil",
  imageDigest: `sha256:${"e".repeat(64)}`,
  manifestsHash: "evil",
  url: "http://evil.example",
  failure: { ...FAILURE, message: "x" },
  retiredAt: new Date(0),
};

function isOwn(name: string, to: StateName): boolean {
  return OWN_FIELDS[to]?.includes(name) === true;
}

const FOREIGN_FIELDS: readonly Forgery[] = [
  changed("a field that nobody knows", (change) => other(change, { note: "x" })),
  ...Object.entries(FOREIGN).flatMap(([name, value]) => [
    changed(`another ${name}`, (change, { to }) =>
      isOwn(name, to) ? null : other(change, { [name]: value }),
    ),
    changed(`no ${name}`, (change) => lacking(change, name)),
  ]),
];

/** What the fields of a move may not be. */
const WRONG_VALUES: Readonly<Partial<Record<StateName, readonly object[]>>> = {
  built: [{ imageDigest: null }, { imageDigest: "latest" }, { imageDigest: `${DIGEST}0` }].concat([
    { imageDigest: DIGEST.toUpperCase() },
  ]),
  deploying: [{ url: null }, { url: 1 }, { manifestsHash: null }, { manifestsHash: [] }],
  failed: [
    { failure: null },
    { failure: {} },
    { failure: "cancelled" },
    { failure: { ...FAILURE, code: 1 } },
    { failure: { ...FAILURE, message: 1 } },
    { failure: { ...FAILURE, details: "x" } },
    { failure: { ...FAILURE, hint: null } },
    { failure: { ...FAILURE, state: 1 } },
    { failure: { ...FAILURE, extra: 1 } },
    { failure: { code: "cancelled" } },
  ],
  queued: [{ failure: FAILURE }],
};

const OWN_VALUES: readonly Forgery[] = Object.entries(WRONG_VALUES).flatMap(([state, values]) =>
  values.map((fields) =>
    changed(`${state} with ${JSON.stringify(fields)}`, (change, { to }) =>
      to === state ? other(change, fields) : null,
    ),
  ),
);

export const FORGED_CHANGES: readonly Forgery[] = [
  ...TIMES,
  ...COUNTERS,
  ...SHAPES,
  ...FOREIGN_FIELDS,
  ...OWN_VALUES,
];
