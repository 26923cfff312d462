/** A program that writes 2,000 lines of an access log: to the first argument, named by the second. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { AccessLog } from "../access-log/access-log.ts";
import { servedRequest } from "./served-request.ts";

const [, , where = "stdout", name = ""] = process.argv;
const log = await AccessLog.open({
  settings: { where, scheme: "https", cloudProject: "cloud", logsQuery: false },
  timers: systemTimers,
  onProblem: (problem) => process.stderr.write(`${problem}\n`),
});
for (let at = 0; at < 2000; at++) {
  const userAgent = "long ".repeat((at * 7) % 60);
  log.record(servedRequest({ requestId: `${name}-${at}`, userAgent }));
}
await log.stop();
