import { CONNECT_ERRORS } from './connect-errors.ts';
import { CREDENTIAL_ERRORS } from './credential-errors.ts';
import { GATEWAY_ERRORS } from './gateway-errors.ts';
import { MESSAGE_ERRORS } from './message-errors.ts';
import { SIGN_IN_ERRORS } from './sign-in-errors.ts';

/** Every error that the gateway itself returns, by its code. */
export const CATALOG = {
  ...CREDENTIAL_ERRORS,
  ...SIGN_IN_ERRORS,
  ...CONNECT_ERRORS,
  ...MESSAGE_ERRORS,
  ...GATEWAY_ERRORS,
};

export type ErrorCode = keyof typeof CATALOG;
