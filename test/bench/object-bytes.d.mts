export const PERIOD_BYTES: number;
export function viewBytes(start: number, end: number): Buffer;
export function expectBytes(offset: number, bytes: Uint8Array): void;
