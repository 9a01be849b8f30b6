// What playwright-core's types name of a browser's. The tests have no browser's library in scope: their code runs in Node.
interface Node {
  readonly nodeType: number;
}
interface HTMLElement extends Node {
  readonly innerText: string;
}
interface SVGElement extends Node {
  readonly ownerSVGElement: unknown;
}
interface HTMLElementTagNameMap {
  readonly [tag: string]: HTMLElement;
}
