import type { Statement } from "./statement.ts";

/** request.time of the tests is 2026-01-01T00:00:00.123Z, a Thursday; resource.data.born 1815-12-10T08:09:10.123Z. */
export const TIMESTAMP_CASES: readonly Statement[] = [
  {
    source: "rules.Timestamp",
    says: "timestamps are compared with each other, and dates and times are those of UTC",
    true: [
      "request.time == request.time",
      "resource.data.born < request.time",
      "request.time > timestamp.date(2025, 12, 31)",
      "request.time >= timestamp.value(1767225600123)",
      "request.time != timestamp.value(0)",
      "timestamp.value(0) <= timestamp.value(0)",
    ],
    false: ["request.time < resource.data.born", "request.time == timestamp.value(1767225600124)"],
  },
  {
    source: "rules.Timestamp",
    says: "a duration can be added and taken away; the difference of two timestamps is a duration",
    true: [
      "request.time + duration.value(1, 'd') > request.time",
      "duration.value(1, 'd') + request.time == timestamp.value(1767312000123)",
      "request.time - duration.value(1, 'h') < request.time",
      "request.time - request.time == duration.value(0, 's')",
      "timestamp.date(2026, 1, 2) - timestamp.date(2026, 1, 1) == duration.value(1, 'd')",
      "timestamp.value(0) - timestamp.value(1000) == duration.value(-1, 's')",
    ],
    error: [
      "request.time + request.time == request.time",
      "duration.value(1, 's') - request.time == request.time",
      "request.time + 1 == request.time",
      "request.time - 1 == request.time",
      "request.time * 2 == request.time",
      "request.time + '1s' == request.time",
      "-request.time == request.time",
    ],
  },
  {
    source: "rules.Timestamp#date, #time",
    says: "the timestamp of the day alone, and the duration since its beginning",
    true: [
      "request.time.date() == timestamp.date(2026, 1, 1)",
      "request.time.time() == duration.value(123, 'ms')",
      "resource.data.born.time() == duration.time(8, 9, 10, 123000000)",
    ],
  },
  {
    source: "rules.Timestamp#year, #month, #day",
    says: "the parts of the date, months and days from 1",
    true: [
      "request.time.year() == 2026",
      "request.time.month() == 1",
      "request.time.day() == 1",
      "resource.data.born.year() == 1815",
      "resource.data.born.month() == 12",
      "resource.data.born.day() == 10",
    ],
  },
  {
    source: "rules.Timestamp#hours, #minutes, #seconds, #nanos",
    says: "the parts of the time, nanos those of the second",
    true: [
      "resource.data.born.hours() == 8",
      "resource.data.born.minutes() == 9",
      "resource.data.born.seconds() == 10",
      "resource.data.born.nanos() == 123000000",
      "request.time.hours() == 0",
      "timestamp.value(-1).seconds() == 59",
    ],
  },
  {
    source: "emulator 2025",
    says: "dayOfYear begins with 1, dayOfWeek is 1 on Mondays",
    true: [
      "request.time.dayOfYear() == 1",
      "request.time.dayOfWeek() == 4",
      "timestamp.date(2026, 1, 5).dayOfWeek() == 1",
      "timestamp.date(2026, 1, 4).dayOfWeek() == 7",
      "timestamp.date(2024, 12, 31).dayOfYear() == 366",
    ],
  },
  {
    source: "rules.Timestamp#toMillis",
    says: "milliseconds since the epoch",
    true: [
      "request.time.toMillis() == 1767225600123",
      "timestamp.value(0).toMillis() == 0",
      "timestamp.value(-5).toMillis() == -5",
      "resource.data.born.toMillis() < 0",
    ],
  },
  {
    source: "rules.timestamp.date",
    says: "the timestamp of a year, month and day",
    true: [
      "timestamp.date(1970, 1, 1) == timestamp.value(0)",
      "timestamp.date(2017, 10, 2).day() == 2",
      "timestamp.date(2024, 2, 29).month() == 2",
    ],
    error: ["timestamp.date('2017', 10, 2).day() == 2", "timestamp.date(2017.0, 10, 2).day() == 2"],
  },
  {
    source: "undocumented",
    says: "which timestamp a day has that does not exist",
    error: [
      "timestamp.date(2026, 2, 30) == timestamp.date(2026, 3, 2)",
      "timestamp.date(2026, 13, 1).year() == 2027",
      "timestamp.date(2025, 2, 29).day() == 1",
      "timestamp.date(2026, 1, 0).day() == 31",
    ],
  },
  {
    source: "rules.timestamp.value",
    says: "the timestamp of milliseconds since the epoch, between the years 1 and 9999",
    true: [
      "timestamp.value(1767225600123) == request.time",
      "timestamp.value(253402300799999).year() == 9999",
    ],
    error: [
      "timestamp.value(253402300800000) > request.time",
      "timestamp.value(-62135596800001) < request.time",
      "timestamp.value('0') < request.time",
      "timestamp.value(99999999999999999) > request.time",
    ],
  },
];

export const DURATION_CASES: readonly Statement[] = [
  {
    source: "rules.duration.value",
    says: "a duration of so many weeks, days, hours, minutes, seconds, milliseconds or nanoseconds",
    true: [
      "duration.value(1, 'w') == duration.value(7, 'd')",
      "duration.value(1, 'd') == duration.value(24, 'h')",
      "duration.value(1, 'h') == duration.value(60, 'm')",
      "duration.value(1, 'm') == duration.value(60, 's')",
      "duration.value(1, 's') == duration.value(1000, 'ms')",
      "duration.value(1, 'ms') == duration.value(1000000, 'ns')",
    ],
    error: [
      "duration.value(1, 'y') == duration.value(365, 'd')",
      "duration.value(1, 'S') == duration.value(1, 's')",
      "duration.value(1, '') == duration.value(1, 's')",
      "duration.value('1', 's') == duration.value(1, 's')",
      "duration.value(1.5, 's') == duration.value(1500, 'ms')",
      "duration.value(1, 'toString') == duration.value(1, 's')",
    ],
  },
  {
    source: "rules.duration.time",
    says: "a duration of hours, minutes, seconds and nanoseconds",
    true: [
      "duration.time(1, 2, 3, 4) == duration.value(3723000000004, 'ns')",
      "duration.time(0, 0, 0, 0) == duration.value(0, 's')",
      "duration.time(4, 0, 0, 0) == duration.value(4, 'h')",
    ],
    error: ["duration.time('1', 2, 3, 4) == duration.value(1, 's')"],
  },
  {
    source: "rules.duration.abs",
    says: "the duration without its sign",
    true: [
      "duration.abs(duration.value(-1, 's')) == duration.value(1, 's')",
      "duration.abs(duration.value(5, 's')) == duration.value(5, 's')",
    ],
    error: [
      "duration.abs(-1) == duration.value(1, 's')",
      "duration.abs(request.time) == request.time",
    ],
  },
  {
    source: "rules.Duration",
    says: "durations are compared with each other, added and taken away",
    true: [
      "duration.value(1, 's') < duration.value(2, 's')",
      "duration.value(1, 'h') >= duration.value(60, 'm')",
      "duration.value(1, 's') + duration.value(1, 's') == duration.value(2, 's')",
      "duration.value(1, 's') - duration.value(2, 's') == duration.value(-1, 's')",
    ],
    error: [
      "duration.value(1, 's') * 2 == duration.value(2, 's')",
      "duration.value(1, 's') + 1 == duration.value(2, 's')",
      "duration.value(2, 's') / duration.value(1, 's') == 2",
    ],
  },
  {
    source: "rules.Duration#seconds, #nanos",
    says: "the whole seconds, and the nanoseconds beside them with the same sign",
    true: [
      "duration.value(90, 's').seconds() == 90",
      "duration.value(1500, 'ms').seconds() == 1",
      "duration.value(1500, 'ms').nanos() == 500000000",
      "duration.value(-1500, 'ms').seconds() == -1",
      "duration.value(-1500, 'ms').nanos() == -500000000",
    ],
    error: ["duration.value(1, 'h').hours() == 1", "duration.value(1, 'h').minutes() == 60"],
  },
  {
    source: "rules.Duration",
    says: "a duration has at most 10,000 years (as the protobuf type it stands for)",
    error: [
      "duration.value(9223372036854775807, 'w') > duration.value(1, 's')",
      "duration.value(315576000001, 's') > duration.value(1, 's')",
    ],
  },
];
