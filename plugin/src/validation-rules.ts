import type { DescFile, DescMessage, Message } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";

/**
 * The numbers under which protovalidate extends options: of messages, oneofs and fields by rules, and of fields that are
 * rules themselves by what they mean. Both are registered for it. Source: buf/validate/validate.proto.
 */
const numbers = { rules: 1159, predefined: 1160 };

const has = ({ proto }: { readonly proto: { readonly options?: Message | undefined } }, ...of: number[]): boolean =>
  proto.options?.$unknown?.some(({ no }) => of.includes(no)) ?? false;

const known = new WeakMap<DescMessage, boolean>();

/** Whether protovalidate has anything to check in a message or in the messages that it may hold. */
export function carriesRules(message: DescMessage): boolean {
  const answer = known.get(message);
  if (answer !== undefined) return answer;
  const seen = new Set([message]);
  // The set grows while it is walked.
  for (const one of seen) {
    if ([one, ...one.fields, ...one.oneofs].some((desc) => has(desc, numbers.rules))) {
      known.set(message, true);
      return true;
    }
    for (const field of one.fields) if (field.message) seen.add(field.message);
  }
  // All that was reached from a message without rules has none either.
  for (const one of seen) known.set(one, false);
  return false;
}

/** Whether a file has rules, or says what rules mean. Protovalidate brings along what its own mean. */
export function hasRules(file: DescFile): boolean {
  if (file.proto.package === "buf.validate") return false;
  for (const desc of nestedTypes(file)) {
    const parts = desc.kind === "message" ? [desc, ...desc.fields, ...desc.oneofs] : [desc];
    if (parts.some((part) => has(part, numbers.rules, numbers.predefined))) return true;
  }
  return false;
}

/** The other files that say what the rules of a file mean, apart from protovalidate's own. */
export function ruleFiles(file: DescFile): DescFile[] {
  if (!hasRules(file)) return [];
  const imported = new Set(file.dependencies);
  for (const one of imported) for (const further of one.dependencies) imported.add(further);
  return [...imported].filter((one) => !one.proto.package.startsWith("google.") && declaresRules(one));
}

const declaresRules = (file: DescFile): boolean =>
  [...nestedTypes(file)].some(
    (desc) =>
      desc.kind === "extension" && desc.extendee.typeName.startsWith("buf.validate.") && has(desc, numbers.predefined),
  );

/** Whether an extension of an option holds rules, or says what they mean. */
export const isRule = (no: number): boolean => no === numbers.rules || no === numbers.predefined;
