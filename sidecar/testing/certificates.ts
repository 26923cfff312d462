/** An authority and a server certificate made on the spot with openssl, for collectors that speak TLS. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface Authority {
  /** PEM file with its certificate. */
  readonly file: string;
  readonly keyFile: string;
}

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Elliptic keys are what most authorities issue by now; RSA is what the others still have. */
export type KeyKind = "ec:P-256" | "ec:P-384" | "rsa:2048";

export function createAuthority(
  folder: string,
  name: string,
  kind: KeyKind = "ec:P-256",
): Authority {
  const file = path.join(folder, `${name}.pem`);
  const keyFile = path.join(folder, `${name}.key`);
  const extension = "-addext keyUsage=critical,keyCertSign";
  openssl("req -x509 -nodes -days 2", keyOptions(kind), extension, {
    "-subj": `/CN=${name}`,
    "-keyout": keyFile,
    "-out": file,
  });
  return { file, keyFile };
}

export interface ServerCertificateOptions {
  readonly kind?: KeyKind;
  /** Whole days from now on; negative = expired. */
  readonly days?: number;
}

export function createServerCertificate(
  folder: string,
  authority: Authority,
  dnsName: string,
  { kind = "ec:P-256", days = 2 }: ServerCertificateOptions = {},
): ServerCertificate {
  const place = (ending: string) =>
    path.join(folder, `${dnsName}-${kind.replace(":", "-")}${days}.${ending}`);
  writeFileSync(place("ext"), `subjectAltName=DNS:${dnsName}\n`);
  openssl("req -new -nodes", keyOptions(kind), {
    "-subj": `/CN=${dnsName}`,
    "-keyout": place("key"),
    "-out": place("csr"),
  });
  openssl("x509 -req -CAcreateserial", {
    "-in": place("csr"),
    "-out": place("pem"),
    "-days": String(days),
    "-CA": authority.file,
    "-CAkey": authority.keyFile,
    "-extfile": place("ext"),
  });
  return { cert: readFileSync(place("pem"), "utf8"), key: readFileSync(place("key"), "utf8") };
}

function keyOptions(kind: KeyKind): string {
  const [algorithm, detail] = kind.split(":");
  return algorithm === "ec" ? `-newkey ec -pkeyopt ec_paramgen_curve:${detail}` : `-newkey ${kind}`;
}

/** Words that hold no spaces are given together, values that might by the name of their option. */
function openssl(...parts: readonly (string | Readonly<Record<string, string>>)[]): void {
  const args = parts.flatMap((part) =>
    typeof part === "string" ? part.split(" ") : Object.entries(part).flat(),
  );
  const { error, status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (error !== undefined) {
    throw new Error(
      "openssl was not found, which makes the certificates that TLS is measured and tested with; install it: apt-get install openssl",
      { cause: error },
    );
  }
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr.trim()}`);
}
