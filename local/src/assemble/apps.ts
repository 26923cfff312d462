/** Kubernetes with its kubelet: what runs the apps. */
import path from "node:path";
import { createImageStore } from "../artifact-registry/image-store.ts";
import { startKubernetes } from "../kubernetes/index.ts";
import type { RunningLogging } from "../logging/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { writePrivateText } from "../secrets.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { type AssemblyContext, PLATFORM_IMAGES, PROJECT_ID, standInOptions } from "./context.ts";
import { kubeconfigPath } from "./environment.ts";
import { podLogEntry } from "./pod-log-entry.ts";
import type { Keep } from "./trust.ts";

export async function startApps(
  context: AssemblyContext,
  parts: { readonly sandbox: Sandbox; readonly logging: RunningLogging },
  keep: Keep,
): Promise<{ readonly products: readonly RunningStandIn[] }> {
  const images = createImageStore({
    cacheDir: path.join(context.config.home, "images"),
    credential: { kind: "bearer", token: context.secrets.registryToken },
  });
  const kubernetes = keep(
    await startKubernetes({
      ...standInOptions(context, "kubernetes"),
      token: context.secrets.kubernetesToken,
      sandbox: parts.sandbox,
      pullImage: (reference) => images.pullImage(reference),
      platformImages: {
        [PLATFORM_IMAGES.sidecar]: {
          argv: [process.execPath, path.join(context.root, "dist", "sidecar.mjs")],
        },
      },
      writeLogs: (lines) => {
        parts.logging
          .write(lines.map((line) => podLogEntry(line, PROJECT_ID)))
          .catch((error: unknown) => {
            context.log.error("runtime log lines lost", { error });
          });
      },
    }),
  );
  writePrivateText(kubeconfigPath(context), kubernetes.kubeconfig());
  return { products: [kubernetes] };
}
