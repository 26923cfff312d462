/** The environment and command line of a container, put together the way Kubernetes does it. */
import type { V1Container } from "@kubernetes/client-node";
import type { KubeObject, Pod } from "../objects/object.ts";
import type { ImageConfig } from "./image.ts";

export interface EnvSources {
  readonly pod: Pod;
  readonly podIP: string;
  configMap(name: string): KubeObject | undefined;
  secret(name: string): KubeObject | undefined;
  /** Host port behind each containerPort of the pod. */
  readonly ports: ReadonlyMap<number, number>;
}

/** Something the pod names does not exist (yet): the container waits. */
export class ConfigError extends Error {}

const PORT_NAMES = new Set(["PORT", "PROBE_PORT"]);

/** Throws ConfigError when a Secret, ConfigMap or key is missing and not optional. */
export function containerEnv(
  container: V1Container,
  image: ImageConfig,
  sources: EnvSources,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = { ...image.env };
  for (const from of container.envFrom ?? []) {
    const prefix = from.prefix ?? "";
    if (from.configMapRef?.name !== undefined) {
      const data = dataOf(
        sources.configMap(from.configMapRef.name),
        from.configMapRef,
        "ConfigMap",
      );
      for (const [name, value] of Object.entries(data)) env[prefix + name] = value;
    }
    if (from.secretRef?.name !== undefined) {
      const data = dataOf(sources.secret(from.secretRef.name), from.secretRef, "Secret");
      for (const [name, value] of Object.entries(data)) env[prefix + name] = decode(value);
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found = valueFrom === undefined ? expand(value ?? "", env) : valueOf(valueFrom, sources);
    if (found !== undefined) env[name] = found;
  }
  // Pods share the host's network: what listens on containerPort in a cluster listens on a free port here.
  for (const name of PORT_NAMES) {
    const port = sources.ports.get(Number(env[name]));
    if (port !== undefined) env[name] = String(port);
  }
  const own = sources.ports.get(container.ports?.[0]?.containerPort ?? -1);
  if (own !== undefined) env["PORT"] ??= String(own);
  return env;
}

/** command replaces the image's entrypoint and cmd, args only the cmd. */
export function containerArgv(
  container: V1Container,
  image: ImageConfig,
  env: Readonly<Record<string, string>>,
): readonly string[] {
  const args = container.args ?? (container.command === undefined ? image.cmd : []);
  const argv = [...(container.command ?? image.entrypoint ?? []), ...args];
  return argv.map((word) => expand(word, env));
}

/** `$(NAME)` becomes the variable when it is known; `$$(NAME)` stays `$(NAME)`. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$|\(([A-Za-z_][\w.-]*)\))/g, (whole, rest: string, name?: string) => {
    if (rest === "$") return "$";
    return name === undefined ? whole : (env[name] ?? whole);
  });
}

type ValueFrom = NonNullable<NonNullable<V1Container["env"]>[number]["valueFrom"]>;

function valueOf(from: ValueFrom, sources: EnvSources): string | undefined {
  if (from.fieldRef !== undefined) return fieldValue(from.fieldRef.fieldPath, sources);
  if (from.configMapKeyRef !== undefined) {
    const { name = "", key } = from.configMapKeyRef;
    return keyOf(
      dataOf(sources.configMap(name), from.configMapKeyRef, "ConfigMap"),
      key,
      from.configMapKeyRef,
    );
  }
  if (from.secretKeyRef !== undefined) {
    const { name = "", key } = from.secretKeyRef;
    const value = keyOf(
      dataOf(sources.secret(name), from.secretKeyRef, "Secret"),
      key,
      from.secretKeyRef,
    );
    return value === undefined ? undefined : decode(value);
  }
  throw new ConfigError(
    "this source of an environment variable is not supported: fieldRef, configMapKeyRef and secretKeyRef are",
  );
}

function fieldValue(path: string, { pod, podIP }: EnvSources): string {
  const fields: Readonly<Record<string, string | undefined>> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace,
    "metadata.uid": pod.metadata.uid,
    "spec.nodeName": "local",
    "status.podIP": podIP,
    "status.hostIP": "127.0.0.1",
  };
  const inMap = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (inMap !== null) {
    const map = inMap[1] === "labels" ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[inMap[2] ?? ""] ?? "";
  }
  const value = fields[path];
  if (value === undefined) throw new ConfigError(`fieldPath ${path} is not supported`);
  return value;
}

interface Reference {
  readonly name?: string;
  readonly optional?: boolean;
}

function dataOf(
  object: KubeObject | undefined,
  reference: Reference,
  kind: string,
): Readonly<Record<string, string>> {
  if (object !== undefined) return object.data ?? {};
  if (reference.optional === true) return {};
  throw new ConfigError(`${kind} "${reference.name}" not found`);
}

function keyOf(
  data: Readonly<Record<string, string>>,
  key: string,
  reference: Reference,
): string | undefined {
  const value = data[key];
  if (value === undefined && reference.optional !== true) {
    throw new ConfigError(`couldn't find key ${key} in ${reference.name}`);
  }
  return value;
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
