/** The contenders of the sidecar's bench: how each is started, and what it needs on disk. */
import { statSync } from "node:fs";
import path from "node:path";
import { nativeBinary } from "../../../sidecar/testing/native-binary.ts";
import { ROOT } from "../../support/folders.ts";

export interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
  readonly transport: "ndjson" | "grpc" | "ndjson over TLS";
  /** Of the program itself, without what it runs on. */
  readonly bytes: number;
}

export async function nativeContenders(): Promise<readonly Contender[]> {
  const plain = await nativeBinary("sidecar");
  const full = await nativeBinary("sidecar-tls");
  return [
    alone("native, NDJSON", plain, "ndjson"),
    alone("native, gRPC", plain, "grpc"),
    alone("native with TLS, NDJSON", full, "ndjson"),
    alone("native with TLS, NDJSON over TLS", full, "ndjson over TLS"),
  ];
}

export function nodeContenders(): readonly Contender[] {
  return [
    onNode("wasm on Node, NDJSON", "dist/sidecar.mjs"),
    onNode(PEER, "test/bench/support/plain-node-prober.mjs"),
  ];
}

export const PEER = "peer: plain Node prober";

function alone(name: string, file: string, transport: Contender["transport"]): Contender {
  return { name, argv: [file], transport, bytes: statSync(file).size };
}

function onNode(name: string, script: string): Contender {
  const file = path.join(ROOT, script);
  return {
    name,
    argv: [process.execPath, file],
    transport: "ndjson",
    bytes: statSync(file).size,
  };
}
