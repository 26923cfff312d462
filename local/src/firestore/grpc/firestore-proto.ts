/** The Firestore service as described by the descriptor that ships inside the client package. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import { fromProto3JSON, toProto3JSON } from "proto3-json-serializer";
import protobuf from "protobufjs";
import type { Json } from "../wire-json.ts";

/** A method whose messages are proto3-JSON on this side. */
export type JsonMethod = MethodDefinition<Json, object>;

const SERVICE = "google.firestore.v1.Firestore";

export function loadFirestoreMethods(): Map<string, JsonMethod> {
  // The descriptor is not among the package's exports, so it is found beside its main file.
  const main = createRequire(import.meta.url).resolve("@google-cloud/firestore");
  const descriptor = readFileSync(join(dirname(main), "..", "protos", "v1.json"), "utf8");
  const root = protobuf.Root.fromJSON(JSON.parse(descriptor) as protobuf.INamespace);
  root.resolveAll();
  const service = root.lookupService(SERVICE);
  return new Map(service.methodsArray.map((method) => [method.name, jsonMethod(method)]));
}

function jsonMethod(method: protobuf.Method): JsonMethod {
  method.resolve();
  const { resolvedRequestType: input, resolvedResponseType: output } = method;
  if (input === null || output === null) throw new Error(`${method.name} has unresolved types`);
  return {
    path: `/${SERVICE}/${method.name}`,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestSerialize: (json) => encode(input, json),
    requestDeserialize: (bytes) => decode(input, bytes),
    responseSerialize: (json) => encode(output, json),
    responseDeserialize: (bytes) => decode(output, bytes),
  };
}

function decode(type: protobuf.Type, bytes: Buffer): Json {
  return toProto3JSON(type.decode(bytes)) as unknown as Json;
}

function encode(type: protobuf.Type, json: unknown): Buffer {
  const message = fromProto3JSON(type, json as Parameters<typeof fromProto3JSON>[1]);
  return Buffer.from(type.encode(message ?? type.create()).finish());
}
