/** Named by the types of @connectrpc/connect; part of the DOM library, which a server has no use for. */
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
