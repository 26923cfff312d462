/** Embedded Artifact Registry: the OCI distribution protocol v2 over content-addressed files. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { BlobStore } from "./blob-store.ts";
import { handleRequest, type AuthorizeRegistry, type RegistryContext } from "./handle-request.ts";
import { ManifestStore } from "./manifest-store.ts";
import { RegistryError } from "./registry-error.ts";

const MAX_MANIFEST_BYTES = 4 * 1024 ** 2;
const MAX_BLOB_BYTES = 2 * 1024 ** 3;

export interface ArtifactRegistryOptions extends StandInOptions {
  readonly projectId: string;
  readonly authorize: AuthorizeRegistry;
  /** Cap of one blob in bytes; 2 GiB unless a test lowers it. */
  readonly maxBlobBytes?: number;
}

export interface RunningArtifactRegistry extends RunningStandIn {
  /** `127.0.0.1:<port>`, the first part of every image reference of this registry. */
  readonly registryHost: string;
}

export async function startArtifactRegistry(
  options: ArtifactRegistryOptions,
): Promise<RunningArtifactRegistry> {
  const dir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "bifrost-registry-")));
  await mkdir(dir, { recursive: true });
  const blobs = new BlobStore(dir, options.maxBlobBytes ?? MAX_BLOB_BYTES);
  await blobs.sweep(options.timers.now());
  const context: RegistryContext = {
    blobs,
    manifests: new ManifestStore(blobs),
    authorize: options.authorize,
    maxManifestBytes: MAX_MANIFEST_BYTES,
  };
  const served = { requests: 0, errors: 0 };
  const server = createServer((request, response) => {
    served.requests += 1;
    handleRequest(context, request, response).catch((error: unknown) => {
      served.errors += 1;
      answerError(options, request, response, error);
    });
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    product: "artifact-registry",
    host: "127.0.0.1",
    port,
    registryHost: `127.0.0.1:${port}`,
    info: () => ({ project: options.projectId, ...served }),
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      if (options.dataDir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

function answerError(
  options: ArtifactRegistryOptions,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  if (!(error instanceof RegistryError)) {
    options.log.error("registry request failed", { url: request.url, error: messageOf(error) });
  }
  if (response.headersSent) return void response.destroy();
  const known = error instanceof RegistryError ? error : undefined;
  const challenge = { "www-authenticate": `Basic realm="${options.projectId}"` };
  response.writeHead(known?.status ?? 500, {
    "content-type": "application/json",
    // What is left of a refused body is not worth reading.
    ...(request.complete ? {} : { connection: "close" }),
    ...(known?.code === "UNAUTHORIZED" ? challenge : {}),
  });
  response.end(
    known?.body ?? JSON.stringify({ errors: [{ code: "UNKNOWN", message: "internal error" }] }),
  );
}
