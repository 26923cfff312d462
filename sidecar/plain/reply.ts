/** Just enough HTTP/1.1 to read the collector's answer. */

/** Index of the body; -1 = the head is not complete. */
export function headEnd(reply: string): number {
  const end = reply.indexOf("\r\n\r\n");
  return end < 0 ? -1 : end + 4;
}

/** 0 = not HTTP/1. */
export function replyStatus(reply: string): number {
  return reply.startsWith("HTTP/1.") ? digitsAt(reply, 9) : 0;
}

/** The collector sends Content-Length or no body at all. */
export function contentLength(reply: string): number {
  const field = "\r\ncontent-length:";
  const at = reply.slice(0, headEnd(reply)).toLowerCase().indexOf(field);
  if (at < 0) return 0;
  let from = at + field.length;
  while (reply.charAt(from) === " ") from++;
  return digitsAt(reply, from);
}

function digitsAt(text: string, from: number): number {
  let value = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
