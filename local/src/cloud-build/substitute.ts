import { invalid } from "./grpc-error.ts";

const REFERENCE = /\$(?:\$|([A-Z_][A-Z0-9_]*)|\{([A-Z_][A-Z0-9_]*)\})/g;

/**
 * Replaces `$NAME` and `${NAME}` and turns `$$` into `$`, as Cloud Build does before a step starts.
 * Throws INVALID_ARGUMENT for a name nobody defined; a shell variable must be written `$$NAME`.
 */
export function substitute(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(REFERENCE, (whole, plain?: string, braced?: string) => {
    const name = plain ?? braced;
    if (name === undefined) return "$";
    const value = values[name];
    if (value !== undefined) return value;
    throw invalid(
      `key "${name}" in "${whole}" is not a substitution; write $${whole} for a shell variable`,
    );
  });
}
