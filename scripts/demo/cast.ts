import type { Stage } from './stage.ts';
import type { Story } from './story.ts';
import type { TicketsServer } from './tickets-server.ts';

/** What every chapter works with. */
export interface Cast {
  readonly story: Story;
  readonly stage: Stage;
  readonly tickets: TicketsServer;
  /** What the tickets server asks for; only the gateway's vault has it. */
  readonly upstreamKey: string;
}
