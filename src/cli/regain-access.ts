/** What whoever has no valid key left can do: the machine of the gateway is enough. Goes on after a sentence or a colon. */
export const REGAIN_ACCESS =
  'stop the gateway, run `toolgate key create --user owner` on its machine, and start it again.';
