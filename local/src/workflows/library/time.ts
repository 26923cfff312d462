/** Module `time`: RFC 3339 text and seconds since the epoch. */
import { raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { libraryFunction, numberArgument, textArgument } from "./function.ts";

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

export const time: LibraryModule = {
  /** Text in UTC, or with the offset of the named zone. */
  "time.format": libraryFunction(["seconds", "timezone?"], (args) => {
    const ms = Math.round(numberArgument(args, 0, "time.format") * 1000);
    const zone = args[1] ?? "UTC";
    if (typeof zone !== "string") throw raised("TypeError", "time.format: timezone is a string");
    if (Math.abs(ms) > 8.64e15) throw raised("ValueError", "time.format: the time is out of range");
    return zone === "UTC" ? new Date(ms).toISOString() : formatInZone(ms, zone);
  }),
  "time.parse": libraryFunction(["value"], (args) => {
    const value = textArgument(args, 0, "time.parse");
    const ms = RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms)) throw raised("ValueError", `time.parse: ${value} is not RFC 3339`);
    return ms / 1000;
  }),
};

function formatInZone(ms: number, zone: string): string {
  const offset = offsetMinutes(ms, zone);
  const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
  const sign = offset < 0 ? "-" : "+";
  const distance = Math.abs(offset);
  return `${local}${sign}${twoDigits(Math.floor(distance / 60))}:${twoDigits(distance % 60)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

function offsetMinutes(ms: number, zone: string): number {
  let name: string | undefined;
  try {
    name = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" })
      .formatToParts(ms)
      .find((part) => part.type === "timeZoneName")?.value;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw raised("ValueError", `time.format: unknown time zone ${zone}`);
  }
  const match = /^GMT([+-])(\d\d):(\d\d)$/.exec(name ?? "");
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === "-" ? -minutes : minutes;
}
