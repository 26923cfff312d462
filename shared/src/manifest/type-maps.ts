/** What checks need to know about Kubernetes types; an adapter takes it from the official client. */

export interface Attribute {
  /** Field name as the API server reads it. */
  readonly baseName: string;
  /** `string`, `V1PodSpec`, `Array<V1Container>`, `{ [key: string]: string; }`, `IntOrString`… */
  readonly type: string;
  /** `int32`, `int64`, `byte`, `date-time` or empty. */
  readonly format: string;
}

export interface TypeMaps {
  /** Fields of a type such as `V1Deployment`; undefined when there is no such type. */
  attributesOf(typeName: string): readonly Attribute[] | undefined;
}

/** `apps/v1` and `Deployment` make `V1Deployment`; the client names its types so. */
export function typeNameOf(apiVersion: string, kind: string): string {
  const version = apiVersion.split("/").at(-1) ?? "";
  return `${version.slice(0, 1).toUpperCase()}${version.slice(1)}${kind}`;
}
