/** Which names stand for this machine, in the address of a request and in the origin of a page. */
const LOCAL = /^([a-z0-9-]+\.)*localhost$|^127(\.\d{1,3}){3}$|^\[::1\]$/i;

export function isThisMachine(hostName: string): boolean {
  return LOCAL.test(hostName);
}

/** Whether a page with this `Origin` was served by this machine. */
export function isLocalOrigin(origin: string): boolean {
  try {
    const { protocol, hostname } = new URL(origin);
    return /^https?:$/.test(protocol) && isThisMachine(hostname);
  } catch {
    return false;
  }
}
