/**
 * functions-framework wraps every request in a domain, whose async hooks make each promise of the process several
 * times dearer. What a domain adds, one handler for the process does too: what a function throws outside its
 * promise is reported and the others go on.
 */
import domain from "node:domain";

type Create = typeof domain.create;

/** Requests run without a domain from now on; `report` is given what is thrown outside of any promise. */
export function runWithoutDomains(report: (error: unknown) => void): void {
  const plain = { on: () => plain, run: (task: () => unknown) => task() };
  domain.create = (() => plain) as unknown as Create;
  process.on("uncaughtException", report);
}
