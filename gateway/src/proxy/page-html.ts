/** A page of the gateway's own as HTML: one document that loads nothing, for light and dark, narrow and wide. */
import { createHash } from "node:crypto";
import type { PageText } from "./page-texts.ts";

export interface PageFacts extends PageText {
  readonly requestId: string;
}

const STYLE = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --quiet: #57606a; --line: #d0d7de; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0f1216; --ink: #e6e9ee; --quiet: #9aa4b1; --line: #30363d; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
main { max-width: 36rem; margin: 0 auto; padding: 16vh 1.25rem 2rem; }
.status { margin: 0; color: var(--quiet); font-weight: 600; }
h1 { margin: 0 0 1rem; font-size: 1.75rem; line-height: 1.25; }
p { margin: 0 0 0.75rem; overflow-wrap: anywhere; }
footer { margin-top: 2rem; padding-top: 0.75rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.875rem; }
`;

/** Nothing but this very style sheet. */
export const CONTENT_SECURITY_POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function htmlOf(page: PageFacts): string {
  const { status, retryAfterSeconds } = page;
  const refresh =
    retryAfterSeconds === null
      ? ""
      : `<meta http-equiv="refresh" content="${retryAfterSeconds}">\n`;
  const title = escaped(page.title);
  const owner = page.ownerAdvice === null ? "" : `Owner of this app? ${page.ownerAdvice}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${refresh}<title>${status} ${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="status">${status}</p>
<h1>${title}</h1>
${paragraph(page.detail)}${paragraph(page.advice ?? "")}<footer>
${paragraph(owner)}${paragraph(`Request ${page.requestId}`)}</footer>
</main>
</body>
</html>
`;
}

function paragraph(text: string): string {
  return text === "" ? "" : `<p>${escaped(text)}</p>\n`;
}

/** Into ASCII as well, so that latin1 on the wire is UTF-8. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"'\u0080-\uffff]/g, (char) => `&#${char.charCodeAt(0)};`);
}
