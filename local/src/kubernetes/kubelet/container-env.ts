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

const PORT_NAMES = new Set(["PORT", "PROBE_PORT", "LIVENESS_PORT"]);

/** Throws ConfigError when a Secret, ConfigMap or key is missing and not optional. */
export function containerEnv(
  container: V1Container,
  image: ImageConfig,
  sources: EnvSources,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = { ...image.env };
  for (const from of container.envFrom ?? []) Object.assign(env, importedVariables(from, sources));
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found = valueFrom === undefined ? expand(value ?? "", env) : valueOf(valueFrom, sources);
    if (found !== undefined) env[name] = found;
  }
  redirectPorts(env, container, sources.ports);
  return env;
}

/** Pods share the host's network: what listens on containerPort in a cluster listens on a free port here. */
function redirectPorts(
  env: Record<string, string>,
  container: V1Container,
  ports: ReadonlyMap<number, number>,
): void {
  for (const name of PORT_NAMES) {
    const port = ports.get(Number(env[name]));
    if (port !== undefined) env[name] = String(port);
  }
  const own = ports.get(container.ports?.[0]?.containerPort ?? -1);
  if (own !== undefined) env["PORT"] ??= String(own);
}

type EnvFrom = NonNullable<V1Container["envFrom"]>[number];

function importedVariables(from: EnvFrom, sources: EnvSources): Readonly<Record<string, string>> {
  const { configMapRef, secretRef, prefix = "" } = from;
  const plain =
    configMapRef === undefined
      ? {}
      : dataOf(sources.configMap(configMapRef.name ?? ""), configMapRef, "ConfigMap");
  const secret =
    secretRef === undefined
      ? {}
      : dataOf(sources.secret(secretRef.name ?? ""), secretRef, "Secret");
  const decoded = Object.entries(secret).map(([name, value]) => [name, decode(value)] as const);
  const all = [...Object.entries(plain), ...decoded];
  return Object.fromEntries(all.map(([name, value]) => [prefix + name, value]));
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
