import { type DescField, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { field as fieldOption } from "../gen/mesh/v1/options_pb.js";
import { placeOf } from "../names/place.ts";
import type { LintRule } from "./rule.ts";

/** The last word of a name that is nearly always a secret. */
const secret = /(?:^|_)(?:password|passwd|passphrase|secret|ssn|api_?key|private_?key)$/;
const token = /(?:^|_)token$/;

/** Tokens that give access to nothing: positions in lists, versions, marks of requests. */
const harmless =
  /(?:^|_)(?:page|next|previous|sync|continuation|continue|cursor|resume|idempotency|request|watch|consistency|change|update)_token$/;

const wrappers = new Set(["google.protobuf.StringValue", "google.protobuf.BytesValue"]);

/** Such a field ends up in logs and spans of whoever does not know. */
export const sensitiveName: LintRule = {
  id: "field/sensitive-name",
  severity: "warning",
  purpose: "A field named like a secret is marked as sensitive.",
  check({ files }, report) {
    for (const file of files) {
      for (const type of nestedTypes(file)) {
        if (type.kind !== "message") continue;
        for (const field of type.fields) {
          if (decided(field) || !looksSecret(field)) continue;
          report(
            placeOf(field),
            "it is named like a secret and would be logged in clear: add [(mesh.v1.field).sensitive = true], or say false there if it is none",
          );
        }
      }
    }
  },
};

/** Whether the author has said it, either way. */
const decided = (field: DescField): boolean =>
  hasOption(field, fieldOption) && getOption(field, fieldOption).sensitive !== undefined;

function looksSecret({ name: given, scalar, message }: DescField): boolean {
  const text = scalar === ScalarType.STRING || scalar === ScalarType.BYTES || wrappers.has(message?.typeName ?? "");
  if (!text) return false;
  const name = given.replace(/([a-z\d])([A-Z])/g, "$1_$2").toLowerCase();
  return secret.test(name) || (token.test(name) && !harmless.test(name));
}
