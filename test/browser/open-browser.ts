import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's. Another one can be named; playwright's own download is not needed. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts a Chromium without a window that talks to nobody but the pages it is sent to. Close it at the end. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(`${EXECUTABLE} is not there. Install it (apt-get install chromium) or name one in CHROMIUM.`);
  }
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
