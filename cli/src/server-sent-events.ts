/** The `data` of each server-sent event of a response, in order (WHATWG HTML, section 9.2). */

/** One event larger than this is not ours. */
const MAX_EVENT_CHARACTERS = 4 * 1024 * 1024;

const LINE_END = /\r\n|\n|\r/;
const EVENT_END = /\r\n\r\n|\n\n|\r\r/;

export async function* readServerSentEvents(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let buffer = "";
  for await (const chunk of response.body) {
    buffer += decoder.decode(chunk, { stream: true });
    if (buffer.length > MAX_EVENT_CHARACTERS)
      throw new Error("an event of the stream is too large");
    for (let end = EVENT_END.exec(buffer); end !== null; end = EVENT_END.exec(buffer)) {
      const data = dataOf(buffer.slice(0, end.index));
      buffer = buffer.slice(end.index + end[0].length);
      if (data !== "") yield data;
    }
  }
}

function dataOf(event: string): string {
  return event
    .split(LINE_END)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice("data:".length).replace(/^ /, ""))
    .join("\n");
}
