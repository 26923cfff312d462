/** A request body as an object of the kind, namespace and name that the path says; anything else is a 400. */
import { groupVersionOf } from "../objects/kinds.ts";
import type { Kind } from "../objects/kinds.ts";
import { isRecord } from "../objects/object.ts";
import type { KubeObject, ObjectMeta } from "../objects/object.ts";
import { ApiError } from "./api-error.ts";

/** Returns a copy; `metadata.name` is "" when neither the body nor the path has one. */
export function shapeBody(
  kind: Kind,
  namespace: string | undefined,
  body: unknown,
  name?: string,
): KubeObject {
  if (!isRecord(body)) throw new ApiError("BadRequest", "the body must be an object");
  requireSame("apiVersion", body["apiVersion"], groupVersionOf(kind));
  requireSame("kind", body["kind"], kind.kind);
  const given = body["metadata"] ?? {};
  if (!isRecord(given)) throw new ApiError("BadRequest", "metadata must be an object");
  requireSame("metadata.name", given["name"], name);
  requireSame("metadata.namespace", given["namespace"], namespace);
  const { managedFields: _ignored, ...kept } = given;
  const metadata = {
    ...kept,
    name: given["name"] ?? name ?? "",
    ...(namespace === undefined ? {} : { namespace }),
  } as ObjectMeta;
  const object = { ...body, apiVersion: groupVersionOf(kind), kind: kind.kind, metadata };
  return structuredClone(object);
}

function requireSame(field: string, found: unknown, expected: string | undefined): void {
  if (found === undefined || expected === undefined || found === expected) return;
  throw new ApiError(
    "BadRequest",
    `${field} ${JSON.stringify(found)} of the body does not match the path: ${expected}`,
  );
}
