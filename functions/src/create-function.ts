/** One function, ready to answer: ports composed, callers checked, errors rendered. */
import { compose, functionLogger } from "./compose.ts";
import type { FunctionConfig } from "./config.ts";
import type { FunctionEntry } from "./registry.ts";
import { guarded, type Service } from "./service.ts";

export async function createFunction(
  entry: FunctionEntry,
  config: FunctionConfig,
  write?: (line: string) => void,
): Promise<Service> {
  const log = functionLogger(entry.name, config, write);
  const ports = compose(config, log);
  const service = await entry.create(ports, {
    verifier: ports.callers,
    audience: `${config.functionsUrl}/${entry.name}`,
    allowed: entry.callers === "public" ? [] : entry.callers,
  });
  return guarded(service, log);
}
