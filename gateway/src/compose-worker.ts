/** The one port of a worker and its adapter; light, because every worker loads it. */
import { storageReader } from "@bifrost/shared/cloud/storage-reader";
import type { OpenBucket } from "./static/site-reader.ts";

export const openBucket: OpenBucket = (endpoint) => storageReader({ endpoint });
