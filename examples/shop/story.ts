/** Prints the demonstration: headings, what is tried, what came back. Colour only on a terminal that wants it. */
const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code: number) => (text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = paint(1);
const dim = paint(2);
const green = paint(32);
const cyan = paint(36);

let chapters = 0;

/** Starts a chapter: what it shows, and the words of the proto file that make it so. */
export function chapter(title: string, option?: string): void {
  chapters++;
  console.log(`\n${bold(`${chapters}. ${title}`)}`);
  if (option) console.log(`   ${dim(option)}`);
}

/** What is tried. */
export const tries = (text: string): void => console.log(`   ${cyan(">")} ${text}`);

/** What came back. */
export const shows = (text: string): void => console.log(`     ${text}`);

/** Stops the demonstration when what came back is not what the proto file promises. */
export function promised(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not as promised: ${what}`);
  console.log(`     ${green("✓")} ${what}`);
}

export const say = (text: string): void => console.log(text);
