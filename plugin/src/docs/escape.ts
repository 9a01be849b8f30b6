// Controls, which XML forbids, and marks that change the direction of what follows, by which a comment could disguise the page.
const unwanted = /(?![\t\n\r])\p{Cc}|\p{Cs}|\p{Bidi_Control}|[\ufffe\uffff]/gu;

/** Text without controls and marks of direction; each becomes U+FFFD. */
export const visible = (text: string): string => text.replace(unwanted, "\ufffd");

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML and XML have it, between tags and in attributes with quotes. */
export const markup = (text: string): string =>
  /^[ !#-%(-;=?-~]*$/.test(text)
    ? text
    : visible(text).replace(/[&<>"']/g, (character) => entities[character] as string);

/** Text as one line of Markdown: nothing in it is syntax. Source: CommonMark 2.4; GitHub Flavored Markdown, tables. */
export const markdown = (text: string): string =>
  // Most texts are words, and need no more than this look.
  /^[A-Za-z][A-Za-z0-9,.:;()/'" ]*$/.test(text) && !text.includes("  ")
    ? text
    : visible(text)
        .replace(/\s+/g, " ")
        .replace(/[\\`*_[\]|~$]/g, "\\$&")
        .replace(/[&<>]/g, (character) => entities[character] as string)
        .replace(/^( ?)([#+=-])/, "$1\\$2")
        .replace(/^( ?\d+)([.)])(?=\s|$)/, "$1\\$2");

/** Text as code in Markdown. Source: CommonMark, "Code spans". */
export function markdownCode(text: string, inTable: boolean): string {
  if (/^[\w./:,=<>{}*()-]+(?: [\w./:,=<>{}*()-]+)*$/.test(text)) return `\`${text}\``;
  const line = visible(text).replace(/\s+/g, " ");
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const padded = /^`|`$|^ .* $/.test(line) || line === "" ? ` ${line} ` : line;
  return `${fence}${inTable ? padded.replaceAll("|", "\\|") : padded}${fence}`;
}
