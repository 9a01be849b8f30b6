/** One element of a header that negotiates, such as Accept. */
export interface Choice {
  /** In lower case, without parameters. */
  readonly name: string;
  /** From 0, not wanted, to 1. A weight that cannot be read counts as 0. */
  readonly quality: number;
}

/** The elements of a header such as Accept or Accept-Encoding, in their order. Source: RFC 9110, 12.4.2. */
export function choices(header: string): Choice[] {
  return header.split(",").map((element) => {
    const [name = "", ...parameters] = element.split(";").map((text) => text.trim().toLowerCase());
    const weight = parameters.find((text) => text.startsWith("q="))?.slice(2);
    return {
      name,
      quality: weight === undefined ? 1 : /^(?:0(?:\.\d*)?|1(?:\.0*)?)$/.test(weight) ? Number(weight) : 0,
    };
  });
}
