const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether what is sent there is encrypted, or stays on this machine. */
export function isPrivateUrl({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}
