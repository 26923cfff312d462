/** A step that cannot run here; the message is shown to the user and the step fails with this exit code. */
export class StepRefused extends Error {
  override readonly name = "StepRefused";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
