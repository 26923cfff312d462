/** A document as it travels between nodes: signed by whoever may change the configuration, believed for nothing else. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { stableJson } from "@bifrost/shared/app-config/stable-json";
import type { ConfigDocument, ConfigValue } from "@bifrost/shared/domain/config-document";
import { type ConfigVersion, parseConfigVersion } from "@bifrost/shared/domain/config-version";

export interface ConfigEntry {
  /** Any word: nodes of a later version may know more kinds, and this one passes them on. */
  readonly kind: string;
  readonly id: string;
  readonly version: ConfigVersion;
  /** The text that was signed; null = deleted with this version. */
  readonly json: string | null;
  /** Base64. */
  readonly signature: string;
}

/** A document of the largest size, with every character of it escaped twice. */
const MAX_ENTRY_BYTES = 1024 * 1024;

/** Ed25519 gives one signature for one text, so the same document signed by two nodes is the same entry. */
export class ConfigSigner {
  private readonly key: KeyObject;
  private readonly label: string;

  /** `label`: of the cluster; entries of another one are refused. */
  constructor(pem: string, label: string) {
    this.key = createPrivateKey(pem);
    this.label = label;
  }

  sign(kind: string, { id, version, value }: ConfigDocument): ConfigEntry {
    const entry = { kind, id, version, json: value === null ? null : stableJson(value) };
    const signature = sign(null, signedText(this.label, entry), this.key).toString("base64");
    return { ...entry, signature };
  }
}

export class ConfigVerifier {
  private readonly key: KeyObject;
  private readonly label: string;

  constructor(pem: string, label: string) {
    this.key = createPublicKey(pem);
    this.label = label;
  }

  isSigned(entry: ConfigEntry): boolean {
    const signature = Buffer.from(entry.signature, "base64");
    return verify(null, signedText(this.label, entry), this.key, signature);
  }
}

/** JSON of a list: no two entries have the same text. */
function signedText(label: string, { kind, id, version, json }: Unsigned): Buffer {
  return Buffer.from(JSON.stringify(["bifrost configuration", label, kind, id, version, json]));
}

type Unsigned = Omit<ConfigEntry, "signature">;

export function documentOf({ id, version, json }: ConfigEntry): ConfigDocument {
  return { id, version, value: json === null ? null : (JSON.parse(json) as ConfigValue) };
}

export function encodeEntries(entries: readonly ConfigEntry[]): Uint8Array {
  const rows = entries.map(({ kind, id, version, json, signature }) =>
    JSON.stringify([kind, id, version, json, signature]),
  );
  return Buffer.from(rows.join("\n"));
}

/** Those that are not entries are left out. */
export function decodeEntries(body: Uint8Array): readonly ConfigEntry[] {
  if (body.byteLength === 0) return [];
  const rows = new TextDecoder().decode(body).split("\n");
  return rows.flatMap((row) => (row.length > MAX_ENTRY_BYTES ? [] : (entryIn(row) ?? [])));
}

function entryIn(row: string): ConfigEntry | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(row);
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || fields.length !== 5) return undefined;
  const [kind, id, written, json, signature] = fields as readonly unknown[];
  const version = parseConfigVersion(written);
  if (version === undefined || !isWord(kind) || !isName(id)) return undefined;
  if (typeof signature !== "string" || !isObjectText(json)) return undefined;
  return { kind, id, version, json, signature };
}

function isWord(kind: unknown): kind is string {
  return typeof kind === "string" && /^[a-z]{1,32}$/.test(kind);
}

function isName(id: unknown): id is string {
  return typeof id === "string" && id !== "" && id.length <= 253;
}

function isObjectText(json: unknown): json is string | null {
  if (json === null) return true;
  if (typeof json !== "string" || !json.startsWith("{")) return false;
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
