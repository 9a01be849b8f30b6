/** Where a policy can be written. What is set below the method is shared by the methods of a service. */
export type Target = "file" | "service" | "method";
