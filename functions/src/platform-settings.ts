/** The platform's own part of a manifest's input, kept with every snapshot so that it can be rendered again. */
import type { PlatformSettings } from "@bifrost/shared/manifest/platform-settings";
import type { FunctionConfig } from "./config.ts";

export function platformSettings(config: FunctionConfig): PlatformSettings {
  return {
    namespacePrefix: "app-",
    sidecarImage: config.sidecarImage,
    collectorHost: config.collectorHost,
    collectorPort: config.collectorPort,
    collectorProtocol: config.collectorProtocol,
    ...(config.providersUrl === null ? {} : { providersUrl: config.providersUrl }),
  };
}
