import type { MethodSpec } from "./spec.ts";

/** Told about a failure whose text the caller does not get, with the id that it got instead. */
export type Report = (error: unknown, id: string, method: MethodSpec) => void;

/** A report that cannot break what it reports on: when it throws, or its promise fails, both errors are printed. */
export function reliable(report: Report, print: Report): Report {
  if (report === print) return print;
  return (error, id, method) => {
    const failed = (failure: unknown) => {
      print(error, id, method);
      console.error("and onError itself failed:", failure);
    };
    try {
      const done: unknown = report(error, id, method);
      if (done instanceof Promise) done.catch(failed);
    } catch (failure) {
      failed(failure);
    }
  };
}
