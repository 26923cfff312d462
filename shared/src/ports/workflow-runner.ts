export type WorkflowName = "deployment" | "retry" | "cancel";

export interface WorkflowRunner {
  /** Starts an execution and returns its id. */
  start(workflow: WorkflowName, args: Readonly<Record<string, unknown>>): Promise<string>;
  /** False for one that ended or is no longer known. */
  isRunning(workflow: WorkflowName, executionId: string): Promise<boolean>;
  /** Wakes an execution that waits on a callback. */
  callBack(url: string, body: unknown): Promise<void>;
}
