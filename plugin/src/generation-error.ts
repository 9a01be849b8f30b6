/** Thrown when generation failed. The message is what the user reads, one problem per line. */
export class GenerationError extends Error {
  override readonly name = "GenerationError";
}
