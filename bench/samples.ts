/** The messages that every stack sends, as plain values. Each stack makes its own message objects of them. */

/** About 20 bytes on the wire. */
export const tiny = { text: "benchmark-tiny-7", number: 4711 };

/** `Order.State.STATE_OPEN`. */
const open = 1 as const;

/** About 1 KiB on the wire, nested three deep. */
export const order = {
  id: "ord_01J9Z8W6K3T5V7X9",
  state: open,
  createdAt: new Date("2026-03-14T09:26:53.589Z"),
  customer: "customers/9f3c1d52-6a0e-4b8a-9a55-0c3b8f1e7d21",
  shipTo: address("Ada Lovelace", "12 St James's Square", "SW1Y 4JH"),
  billTo: address("Analytical Engines Ltd", "Accounts payable, 3rd floor", "SW1Y 4JH"),
  items: Array.from({ length: 8 }, (_, index) => ({
    sku: `SKU-${1000 + index * 37}`,
    title: `Brass gear wheel, ${12 + index} teeth, hand finished`,
    quantity: index + 1,
    price: { currency: "EUR", cents: 1295n + BigInt(index) * 250n },
    tags: ["brass", index % 2 === 0 ? "in-stock" : "made-to-order"],
  })),
  labels: { channel: "web", campaign: "spring-2026", priority: "standard" },
  gift: true,
  weightKg: 4.375,
  total: { currency: "EUR", cents: 98_465n },
};

function address(name: string, line: string, postalCode: string) {
  return { name, lines: [line, "London"], postalCode, country: "GB" };
}
