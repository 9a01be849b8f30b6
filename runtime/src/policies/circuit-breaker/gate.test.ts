import fc from "fast-check";
import { expect, test } from "vitest";
import { Ticket, Waiting } from "./gate.ts";

test("the list holds what was added and not removed, in its order", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant("add" as const), fc.nat({ max: 20 })), { maxLength: 60 }), (steps) => {
      const waiting = new Waiting();
      const all: Ticket[] = [];
      let model: Ticket[] = [];
      for (const step of steps) {
        if (step === "add") {
          const ticket = new Ticket(all.length, 0);
          all.push(ticket);
          model.push(ticket);
          waiting.add(ticket);
        } else {
          // Also those that were removed before, or never added.
          const ticket = all[step] ?? new Ticket(0, 0);
          model = model.filter((one) => one !== ticket);
          waiting.remove(ticket);
        }
        const held: number[] = [];
        for (let ticket = waiting.first; ticket; ticket = ticket.after) held.push(ticket.startedAt);
        expect(held).toEqual(model.map(({ startedAt }) => startedAt));
        expect(waiting.size).toBe(model.length);
      }
    }),
  );
});
