// Runs in a page of target=docs: what is not as readers need it, in words.
(() => {
  const screen = document.documentElement.clientWidth;
  const wide = [...document.querySelectorAll("main *")]
    .filter((element) => !element.closest("caption, thead, svg"))
    .filter((element) => element.getBoundingClientRect().right > screen + 0.5)
    .map((element) => `${element.tagName} ${element.textContent?.slice(0, 40)}`);
  const cut = [];
  const touching = [];
  const boxed = [];
  const small = [];
  for (const drawing of document.querySelectorAll("svg")) {
    const frame = drawing.getBoundingClientRect();
    const texts = [...drawing.querySelectorAll("text")].map((element) => ({
      name: `${drawing.querySelector("title")?.textContent}: ${element.textContent}`,
      size: Number.parseFloat(getComputedStyle(element).fontSize) * (frame.width / drawing.viewBox.baseVal.width),
      at: element.getBoundingClientRect(),
    }));
    const boxes = [...drawing.querySelectorAll("rect.box, rect.end, rect.maybe")].map((box) =>
      box.getBoundingClientRect(),
    );
    for (const [index, { name, size, at }] of texts.entries()) {
      if (size < 9) small.push(`${name}: ${size}px`);
      if (at.left < frame.left || at.right > frame.right || at.top < frame.top || at.bottom > frame.bottom)
        cut.push(name);
      for (const box of boxes)
        if (at.left >= box.left && at.left < box.right && at.top >= box.top - 1 && at.top < box.bottom)
          if (at.right > box.right - 2 || at.bottom > box.bottom + 1) boxed.push(name);
      for (const other of texts.slice(index + 1))
        if (
          at.left < other.at.right - 0.5 &&
          other.at.left < at.right - 0.5 &&
          at.top < other.at.bottom - 3 &&
          other.at.top < at.bottom - 3
        )
          touching.push(`${name} / ${other.name}`);
    }
  }
  return { wide, cut, touching, boxed, small };
})();
