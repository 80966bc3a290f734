import { randomBytes } from 'node:crypto';

/** 256 random bits in base64url, 43 characters: for what opens something to whoever has it. */
export const randomValue = (): string => randomBytes(32).toString('base64url');
