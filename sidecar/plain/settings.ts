/** The sidecar's environment. Anything missing or malformed is one clear line and an exit, never a guess. */
import type { Host } from "./host.ts";

export class SettingsError extends Error {}

export class Settings {
  deploymentId: string;
  replica: string;
  probeHost: string;
  probePort: number;
  probePath: string;
  intervalMs: number;
  timeoutMs: number;
  collectorHost: string;
  collectorPort: number;
  collectorToken: string;
  /** File that holds the app's process id; "" = every process in sight belongs to the app. */
  appPidFile: string;

  constructor(host: Host) {
    this.deploymentId = name(host, "DEPLOYMENT_ID");
    this.replica = name(host, "REPLICA");
    this.probeHost = required(host, "PROBE_HOST");
    this.probePort = wholeNumber(host, "PROBE_PORT", 1, 65_535);
    this.probePath = path(host, "PROBE_PATH");
    this.intervalMs = wholeNumber(host, "PROBE_INTERVAL_MS", 50, 3_600_000);
    this.timeoutMs = wholeNumber(host, "PROBE_TIMEOUT_MS", 1, 600_000);
    this.collectorHost = required(host, "COLLECTOR_HOST");
    this.collectorPort = wholeNumber(host, "COLLECTOR_PORT", 1, 65_535);
    this.collectorToken = visible(host, "COLLECTOR_TOKEN");
    this.appPidFile = host.env("APP_PID_FILE") ?? "";
  }
}

function required(host: Host, variable: string): string {
  const value = host.env(variable) ?? "";
  if (value === "") throw new SettingsError(`${variable} is not set`);
  if (value.length > 512) throw new SettingsError(`${variable} is longer than 512 characters`);
  return value;
}

/** Printable ASCII without blanks: these values go into HTTP heads. */
function visible(host: Host, variable: string): string {
  const value = required(host, variable);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 32 || code > 126) {
      throw new SettingsError(`${variable} holds a blank or a special character`);
    }
  }
  return value;
}

/** Goes into JSON and into an address as it is. */
function name(host: Host, variable: string): string {
  const value = visible(host, variable);
  for (let i = 0; i < value.length; i++) {
    if ('"\\/?#%'.includes(value.charAt(i))) {
      throw new SettingsError(`${variable} holds a character that no id has: ${value.charAt(i)}`);
    }
  }
  return value;
}

function path(host: Host, variable: string): string {
  const value = visible(host, variable);
  if (!value.startsWith("/")) throw new SettingsError(`${variable} must start with /`);
  return value;
}

function wholeNumber(host: Host, variable: string, least: number, most: number): number {
  const text = required(host, variable);
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Infinity;
  }
  if (value >= least && value <= most) return value;
  throw new SettingsError(
    `${variable} must be a whole number from ${least} to ${most}, found ${text}`,
  );
}
