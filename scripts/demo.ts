// A tour of Toolgate in a few seconds: a real gateway, two real MCP servers behind it, and two callers, on free ports of
// this machine and in a temporary folder. Whatever has a ✓ was observed just then; when something does not hold, the demo
// says what and ends with exit code 1.
import { randomBytes } from 'node:crypto';
import { tellStory } from './demo/chapters.ts';
import { createStage, type Stage } from './demo/stage.ts';
import { createStory, NotAsTold } from './demo/story.ts';
import { startTicketsServer } from './demo/tickets-server.ts';

let stage: Stage | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    interrupted = true;
    await stage?.close();
    process.exit(130);
  });
}

const begun = performance.now();
const story = createStory(process.stdout, process.env);
story.title('Toolgate, shown in a few seconds. Everything below happens for real; a ✓ is what was checked.');
try {
  stage = await createStage();
  const upstreamKey = `tickets-key-${randomBytes(9).toString('base64url')}`;
  const tickets = await startTicketsServer(`Bearer ${upstreamKey}`);
  try {
    await tellStory({ story, stage, tickets, upstreamKey });
  } finally {
    await stage.close();
    await tickets.close();
  }
  story.say(`\nDone in ${((performance.now() - begun) / 1000).toFixed(1)} s; nothing of it is left on this machine.`);
} catch (error) {
  if (!interrupted) {
    const { message, stack } = error as Error;
    const log = stage?.lastLog() ?? '';
    console.error(`\nThe demo failed. ${error instanceof NotAsTold ? message : stack}`);
    if (log !== '') console.error(`\nThe last lines of the gateway's log:\n${log}`);
    process.exitCode = 1;
  }
}
