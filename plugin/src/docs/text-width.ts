/** About how wide a text is in pixels, rather more than less: which font a reader has is not known. */
export function textWidth(text: string, size: number): number {
  let ems = 0;
  for (const character of text) ems += known.get(character) ?? measured(character);
  return ems * size;
}

/** There are few characters, and drawings have many. */
const known = new Map<string, number>();

function measured(character: string): number {
  const ems = emsOf(character);
  known.set(character, ems);
  return ems;
}

function emsOf(character: string): number {
  if (/[iljtfrI.,:;'|!()[\]/ \u00a0-]/.test(character)) return 0.42;
  if (/[mwMW@%—]/.test(character)) return 1;
  if (/[A-Z]/.test(character)) return 0.78;
  return character <= "\u024f" || character === "\u202f" ? 0.65 : 1.2;
}

/** A text that is at most so wide, with an ellipsis where something had to go. */
export function shortened(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join("")}…`, size) > width) characters.pop();
  return `${characters.join("").trimEnd()}…`;
}

/** A text in lines that are at most so wide; the last of them takes what is left, shortened. */
export function wrapped(text: string, width: number, size: number, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/[ \n]+/).filter((one) => one !== "")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || lines.length === most - 1 || textWidth(longer, size) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, ...(line === "" ? [] : [line])].map((one) => shortened(one, width, size));
}
