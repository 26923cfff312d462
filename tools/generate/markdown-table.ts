/** A Markdown table; a bar inside a cell is escaped, a line break becomes a blank. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const rule = `|${" --- |".repeat(header.length)}`;
  return [rowLine(header), rule, ...rows.map(rowLine)].join("\n");
}

export function code(text: string): string {
  return `\`${text}\``;
}

function rowLine(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(" | ")} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`).replaceAll("\n", " ");
}
