/** Host and port as they stand in a URL. */
import { Bytes } from "./bytes.ts";

const COLON: i32 = 58;

export function authority(out: Bytes, host: Bytes, port: i32): Bytes {
  const isIpv6 = host.indexOf(COLON, 0) >= 0;
  if (isIpv6) out.text("[");
  out.append(host);
  if (isIpv6) out.text("]");
  return out.text(":").number(port as f64);
}

/** The most `authority` writes beyond the host itself. */
export const AUTHORITY_EXTRA: i32 = 8;
