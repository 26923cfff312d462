/** Which collector a TLS connection believes: authorities from a file, and the name that the certificate must have. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";

/** By the mode of `hostOpen`; 0 is plain. */
const ALPN = ["", "http/1.1", "h2"] as const;

export class Trust {
  private readonly caFile: string;
  private readonly serverName: string;

  constructor(env: NodeJS.ProcessEnv) {
    this.caFile = env["COLLECTOR_CA_FILE"] ?? "";
    this.serverName = env["COLLECTOR_SERVER_NAME"] ?? env["COLLECTOR_HOST"] ?? "";
  }

  /** What is wrong with the file; null when nothing is, or when the core itself will refuse it. */
  problem(): string | null {
    const pem = this.read();
    if (pem === null) return null;
    try {
      void new (process.getBuiltinModule("node:crypto").X509Certificate)(pem);
      return null;
    } catch {
      return "COLLECTOR_CA_FILE holds no certificate (-----BEGIN CERTIFICATE-----)";
    }
  }

  /** Null when the authorities cannot be read: the file is read each time, because they are renewed. */
  connect(options: ConnectionOptions, mode: number): TLSSocket | null {
    const ca = this.read();
    if (ca === null) return null;
    const { serverName } = this;
    return tls().connect({
      ...options,
      ca,
      ALPNProtocols: [ALPN[mode] ?? ""],
      // An address is no name that a server could be chosen by.
      servername: isIP(serverName) === 0 ? serverName : "",
      checkServerIdentity: (_host, certificate) =>
        tls().checkServerIdentity(serverName, certificate),
    });
  }

  private read(): Buffer | null {
    try {
      return this.caFile === "" ? null : readFileSync(this.caFile);
    } catch {
      return null;
    }
  }
}

/** Loaded when it is needed: it takes 1.5 MB, and hardly any sidecar needs it. */
const tls = () => process.getBuiltinModule("node:tls");
