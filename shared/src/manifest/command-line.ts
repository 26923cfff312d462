/** A start command as a container's argument list. */

const PLAIN_COMMAND = /^[A-Za-z0-9_@%+:,./-]+(?: +[A-Za-z0-9_@%+=:,./-]+)*$/;
/** Words that only a shell understands. */
const SHELL_WORDS = new Set([".", ":", "cd", "eval", "exec", "export", "set", "source", "trap"]);

/**
 * Plain words start the program directly: it gets the stop signal itself, and the image needs no
 * shell. Anything a shell would interpret goes through `/bin/sh -c`.
 */
export function commandLine(command: string): string[] {
  const trimmed = command.trim();
  const words = trimmed.split(/ +/);
  const isPlain = PLAIN_COMMAND.test(trimmed) && !SHELL_WORDS.has(words[0] ?? "");
  return isPlain ? words : ["/bin/sh", "-c", trimmed];
}
