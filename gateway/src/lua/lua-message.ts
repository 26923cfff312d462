/** Reads what Lua says of positions: `script:12: why`, and its tracebacks. */

/** Chunks of the platform's own Lua are named in brackets: they mean nothing to the author of a script. */
const PLATFORM_POSITION = /^\[[a-z]+\]:\d+: /;

export function splitPosition(
  script: string,
  text: string,
): { line: number | null; message: string } {
  const own = PLATFORM_POSITION.exec(text);
  if (own !== null) return { line: null, message: text.slice(own[0].length) };
  if (!text.startsWith(`${script}:`)) return { line: null, message: text };
  const match = /^(\d+): ([\s\S]*)$/.exec(text.slice(script.length + 1));
  return match === null
    ? { line: null, message: text }
    : { line: Number(match[1]), message: match[2] ?? "" };
}

export function lineInStack(script: string, stack: string): number | null {
  const own = stack.split("\n").find((frame) => frame.startsWith(`${script}:`));
  const match = /^(\d+):/.exec(own?.slice(script.length + 1) ?? "");
  return match === null ? null : Number(match[1]);
}

export function readableStack(text: string): string {
  const frames = text.split("\n").map((frame) => frame.trim());
  return frames
    .filter((frame) => frame !== "stack traceback:" && frame !== "" && !frame.startsWith("["))
    .join("\n");
}
