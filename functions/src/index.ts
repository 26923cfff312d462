/** Entry for Cloud Functions: registers every function; each one reads its configuration on its first call. */
import { http } from "@google-cloud/functions-framework";
import { readFunctionConfig } from "./config.ts";
import { createFunction } from "./create-function.ts";
import { toHttpFunction } from "./http-adapter.ts";
import { FUNCTIONS } from "./registry.ts";
import type { Service } from "./service.ts";

for (const entry of FUNCTIONS) {
  let service: Promise<Service> | null = null;
  http(
    entry.name,
    toHttpFunction(() => {
      service ??= createFunction(entry, readFunctionConfig());
      return service;
    }),
  );
}
