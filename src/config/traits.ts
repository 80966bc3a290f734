import * as z from 'zod';

/** What a setting says about itself beside its type, default and description. */
interface Traits {
  /** Flag without its dashes, where it is not simply the path (`audit.mode` → `audit-mode`). */
  flag?: string;
  /** A change needs a restart. On a group it covers everything inside. */
  restart?: true;
  /** At most one member of this group is set; a stronger source that sets one discards what weaker sources set. */
  oneOf?: true;
  /** How the docs name the type, where the schema's own type would not help a reader. */
  type?: string;
  /** How the docs name a default that depends on other settings. */
  default?: string;
}

export const traits = z.registry<Traits>();
