/** Field types of Kubernetes objects, as the official client was generated from the API's own description. */
import type { Attribute, TypeMaps } from "../manifest/type-maps.ts";

interface Typed {
  getAttributeTypeMap(): readonly Attribute[];
}

function isTyped(value: unknown): value is Typed {
  return typeof value === "function" && "getAttributeTypeMap" in value;
}

export async function kubernetesTypeMaps(): Promise<TypeMaps> {
  const client: Readonly<Record<string, unknown>> = await import("@kubernetes/client-node");
  return {
    attributesOf(typeName) {
      const type = Object.hasOwn(client, typeName) ? client[typeName] : undefined;
      return isTyped(type) ? type.getAttributeTypeMap() : undefined;
    },
  };
}
