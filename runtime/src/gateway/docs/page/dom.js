/**
 * An element with properties and children. Text is always text: nothing in a document can become markup.
 *
 * @param {string} tag a tag with classes: `span.type`
 * @param {Record<string, unknown> | null} [properties]
 * @param {...(Node | string | undefined | false | null)} children
 */
export function el(tag, properties, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child) => child !== undefined && child !== false && child !== null));
  return element;
}

/** The little Markdown that comments have: paragraphs, lists, `code`, **bold** and links to http. */
export function prose(text) {
  const box = el("div.prose");
  for (const block of (text ?? "").split(/\n\s*\n/)) {
    const lines = block.split("\n").filter((line) => line.trim() !== "");
    if (lines.length === 0) continue;
    if (lines.every((line) => /^\s*([-*]|\d+\.)\s|^\s{2,}/.test(line)) && /^\s*([-*]|\d+\.)\s/.test(lines[0])) {
      const items = lines.reduce((all, line) => {
        if (/^\s*([-*]|\d+\.)\s/.test(line)) all.push(line.replace(/^\s*([-*]|\d+\.)\s/, ""));
        else all[all.length - 1] += ` ${line.trim()}`;
        return all;
      }, []);
      box.append(el("ul", null, ...items.map((item) => el("li", null, ...inline(item)))));
    } else box.append(el("p", null, ...inline(lines.join(" "))));
  }
  return box;
}

/** Text with its `code`, **bold** and links. */
export function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|https?:\/\/[^\s)>\]]+)/).map((part) => {
    if (/^`.+`$/.test(part)) return el("code", null, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return el("strong", null, part.slice(2, -2));
    if (/^https?:\/\//.test(part)) return el("a", { href: part, rel: "noreferrer noopener" }, part);
    return part;
  });
}
