import { BifrostError } from "@bifrost/shared/domain/errors";

/** A request that no transport would carry is refused where it is made. */
export function refuseTooLarge(body: Uint8Array, maxBytes: number): void {
  if (body.length <= maxBytes) return;
  throw new BifrostError(
    "body-too-large",
    `a request between nodes has at most ${maxBytes} bytes and this one has ${body.length}; send it in parts`,
    { bytes: body.length, maxBytes },
  );
}
