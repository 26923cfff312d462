/** Which names of this machine a request may be addressed to. */
import { isThisMachine } from "../../serving/local-origin.ts";
import { RpcError } from "../rpc-error.ts";

/**
 * A page that made a name of its own resolve to 127.0.0.1 is of the same origin as the server behind it, so CORS lets
 * it pass; the name it asked for is still in `Host`. Throws PERMISSION_DENIED.
 */
export function checkHost(host: string | undefined): void {
  const name = (host ?? "").replace(/:\d{1,5}$/, "");
  if (isThisMachine(name)) return;
  throw new RpcError(
    "PERMISSION_DENIED",
    `Requests to ${JSON.stringify(name.slice(0, 200))} are refused; address 127.0.0.1 or localhost.`,
  );
}
