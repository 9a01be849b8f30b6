export function buildGo(): string;
