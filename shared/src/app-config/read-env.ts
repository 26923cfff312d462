/** `[env]`: any POSIX name the platform does not set itself, strings only, bounded in size. */
import type { Report } from "./report.ts";
import { describe, quote } from "./report.ts";
import { ENV_TABLE } from "./fields.ts";
import type { PlainTable } from "./syntax.ts";

export function readEnv(table: PlainTable, report: Report): Readonly<Record<string, string>> {
  const kept: [string, string][] = [];
  let bytes = 0;
  for (const name of Object.keys(table)) {
    const value = readVariable(name, table[name], report);
    if (value === undefined) continue;
    kept.push([name, value]);
    bytes += new TextEncoder().encode(name + value).byteLength;
  }
  if (bytes > ENV_TABLE.maxBytes) {
    report.add({
      code: "env-too-large",
      path: ["env"],
      message: `The names and values of [env] take ${bytes} bytes; at most ${ENV_TABLE.maxBytes} are allowed.`,
    });
  }
  return Object.freeze(Object.fromEntries(kept));
}

function readVariable(name: string, value: unknown, report: Report): string | undefined {
  const path = ["env", name];
  if (!isAllowedName(name)) {
    const rule = `a name is 1 to ${ENV_TABLE.longestName} letters, digits and underscores, does not start with a digit and is none of ${ENV_TABLE.forbidden.join(", ")}`;
    const message = `${quote(name)} cannot be an environment variable's name: ${rule}.`;
    report.add({ code: "bad-env-name", path, message, hint: suggestName(name) });
    return undefined;
  }
  if (isReserved(name)) {
    const hint = name === "PORT" ? "set port under [app]" : undefined;
    const message = `${name} is set by the platform; PORT and names that start with ${ENV_TABLE.reservedPrefix} cannot be set here.`;
    report.add({ code: "reserved-env-name", path, message, hint });
    return undefined;
  }
  if (typeof value !== "string") {
    const isScalar = typeof value === "number" || typeof value === "boolean";
    const hint = isScalar ? `write ${name} = "${value}"` : undefined;
    const message = `env.${name} is ${describe(value)}; it must be a string.`;
    report.add({ code: "wrong-type", path, at: "value", message, hint });
    return undefined;
  }
  if (value.includes("\0")) {
    const message = `env.${name} contains a zero character; an environment variable cannot hold one.`;
    report.add({ code: "bad-format", path, at: "value", message });
    return undefined;
  }
  return value;
}

function isAllowedName(name: string): boolean {
  const forbidden: readonly string[] = ENV_TABLE.forbidden;
  if (forbidden.includes(name)) return false;
  return name.length <= ENV_TABLE.longestName && ENV_TABLE.namePattern.test(name);
}

function isReserved(name: string): boolean {
  const reserved: readonly string[] = ENV_TABLE.reserved;
  return reserved.includes(name) || name.startsWith(ENV_TABLE.reservedPrefix);
}

function suggestName(name: string): string | undefined {
  const candidate = name.replaceAll(/[-. ]/g, "_");
  return candidate !== name && isAllowedName(candidate) ? `write ${candidate}` : undefined;
}
