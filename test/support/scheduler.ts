import { CloudSchedulerClient } from "@google-cloud/scheduler";
import { credentials } from "@grpc/grpc-js";
import type { PlatformUnderTest } from "./platform.ts";

/** Distance from the base port. */
const SCHEDULER = 12;

/** As an operator does with `gcloud scheduler jobs run`. */
export async function runJob(platform: PlatformUnderTest, id: string): Promise<void> {
  const scheduler = new CloudSchedulerClient({
    servicePath: "127.0.0.1",
    port: platform.port + SCHEDULER,
    sslCreds: credentials.createInsecure(),
    projectId: "bifrost-local",
  });
  await scheduler.runJob({ name: scheduler.jobPath("bifrost-local", "local-1", id) });
  await scheduler.close();
}
