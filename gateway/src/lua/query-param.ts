/** The first value of a parameter of a query, decoded; undefined when it is absent. Text is latin1, one character a byte. */
export function queryParam(query: string, name: string): string | undefined {
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    const found = equals < 0 ? pair : pair.slice(0, equals);
    if (pair !== "" && decoded(found) === name)
      return equals < 0 ? "" : decoded(pair.slice(equals + 1));
  }
  return undefined;
}

/** As forms encode; what is no valid escape stays as it is. */
function decoded(text: string): string {
  return text
    .replaceAll("+", " ")
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
}
