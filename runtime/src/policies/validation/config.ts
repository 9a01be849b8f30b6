/** Whether requests are checked. The generator sets it where a request has protovalidate rules. */
export type ValidationConfig = { readonly [none in never]: never };
