/**
 * Loaded into a process before everything else (`--import`): its wall clock, in every thread, is off by as many
 * milliseconds as the file named by SHIFTED_CLOCK says at the moment. Timers and `performance.now()` stay as they are.
 */
import { readFileSync } from 'node:fs';

const file = process.env.SHIFTED_CLOCK;
const real = Date.now;
let shift = 0;

if (file !== undefined) {
  const look = (): void => {
    try {
      shift = Number(readFileSync(file, 'utf8'));
    } catch {
      // Not written yet.
    }
  };
  look();
  setInterval(look, 20).unref();
  Date.now = () => real() + shift;
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, self) =>
      Reflect.construct(target, args.length === 0 ? [RealDate.now()] : args, self === globalThis.Date ? target : self),
    apply: (target) => new target(RealDate.now()).toString(),
  });
}
