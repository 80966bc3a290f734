const LOOK_MS = 2_000;
/** What nobody corrects bit by bit: somebody set the clock, or the machine slept. */
const STEP_MS = 30_000;

/**
 * Tells when the wall clock was moved by more than half a minute, in milliseconds, backwards as a negative number. Nothing
 * here that takes time is measured by it, but keys expire by it and records are dated with it. Returns a function that stops
 * it. `wall` and `elapsed` are the two clocks, in milliseconds.
 */
export function watchClock(
  onStep: (stepMs: number) => void,
  { wall, elapsed }: { wall: () => number; elapsed: () => number } = {
    wall: () => Date.now(),
    elapsed: () => performance.now(),
  },
): () => void {
  let offset = wall() - elapsed();
  const timer = setInterval(() => {
    const now = wall() - elapsed();
    const step = now - offset;
    // Slow corrections add up, and are none the worse for it.
    offset = now;
    if (Math.abs(step) > STEP_MS) onStep(Math.round(step));
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
