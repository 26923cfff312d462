/** How a process is started that runs what strangers wrote, beside the workers. */
export interface HelperProgram {
  readonly script: string;
  readonly nodeArguments: readonly string[];
  /** All it sees of the environment. */
  readonly environment: Readonly<Record<string, string>>;
}
