import { putByte, putDigits } from "./out.ts";
import { checkTimestamp } from "./well-known.ts";

/** Writes a Timestamp. Throws TypeError when it has no JSON form. */
export function putTimestamp(seconds: number, nanos: number): void {
  checkTimestamp(seconds, nanos);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - 86_400 * days;
  putByte(0x22);
  putDate(days);
  putByte(0x54);
  putDigits((rest / 3600) | 0, 2);
  putByte(0x3a);
  putDigits(((rest / 60) | 0) % 60, 2);
  putByte(0x3a);
  putDigits(rest % 60, 2);
  putFraction(nanos);
  putByte(0x5a);
  putByte(0x22);
}

const daysIn400Years = 146_097;
/** From the first of March of the year 0 to the first of January of 1970. */
const daysBefore1970 = 719_468;

/** Writes the date of a day since 1970, in the Gregorian calendar, whose years are counted from March: a leap day ends one. */
function putDate(day: number): void {
  const since = day + daysBefore1970;
  const cycle = Math.floor(since / daysIn400Years);
  const inCycle = since - daysIn400Years * cycle;
  // Without the leap days before it, each 1460th, 36524th and 146096th day, a year has 365 days.
  const year = ((inCycle - ((inCycle / 1460) | 0) + ((inCycle / 36_524) | 0) - ((inCycle / 146_096) | 0)) / 365) | 0;
  const inYear = inCycle - (365 * year + ((year / 4) | 0) - ((year / 100) | 0));
  // Five months from March on have 153 days, and so have the next five.
  const month = ((5 * inYear + 2) / 153) | 0;
  const isNextYear = month >= 10;
  putDigits(400 * cycle + year + (isNextYear ? 1 : 0), 4);
  putByte(0x2d);
  putDigits(isNextYear ? month - 9 : month + 3, 2);
  putByte(0x2d);
  putDigits(inYear - (((153 * month + 2) / 5) | 0) + 1, 2);
}

/** Three, six or nine digits, or none. */
function putFraction(nanos: number): void {
  if (nanos === 0) return;
  putByte(0x2e);
  if (nanos % 1_000_000 === 0) putDigits(nanos / 1_000_000, 3);
  else if (nanos % 1000 === 0) putDigits(nanos / 1000, 6);
  else putDigits(nanos, 9);
}
