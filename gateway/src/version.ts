/** What nodes tell each other of their program; as in package.json. */
export const GATEWAY_VERSION = "0.1.0";
