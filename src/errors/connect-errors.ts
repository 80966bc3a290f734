import { defineErrors } from './error-entry.ts';

/** What keeps a person from connecting an account in the browser. */
export const CONNECT_ERRORS = defineErrors({
  connect_expired: {
    http: 400,
    rpc: 4009,
    title: 'This connecting cannot be continued',
    remedy:
      'It took too long, was completed already, or was begun in another browser or by somebody else. Begin again at `/connect` of the gateway, or let your agent ask again.',
  },
  connect_link_foreign: {
    http: 403,
    rpc: 4043,
    title: 'This link is not for you',
    remedy:
      'It belongs to the agent of another person, or is too old. Let your own agent ask again, or connect your accounts at `/connect` of the gateway. Connect nothing for somebody who sent you a link.',
  },
  connect_failed: {
    http: 502,
    rpc: 5024,
    title: 'The account could not be connected',
    remedy:
      'Try again. If it lasts, tell an administrator of this gateway: the message says what the other service answered, and `toolgate upstream test NAME` tries each step.',
  },
});
