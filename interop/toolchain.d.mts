export const root: string;
export const binaries: string;
export function goProblem(): string | undefined;
export function envoyBinary(): string;
