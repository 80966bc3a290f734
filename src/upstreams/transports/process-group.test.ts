import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../../test/fakes/upstream-call.ts';

test('a gateway that exits without closing anything leaves no program behind', async () => {
  const program = "console.log(process.pid);process.on('SIGTERM',()=>{});setInterval(()=>{},1000)";
  const gateway = `
    import { startProcessGroup } from ${JSON.stringify(join(import.meta.dirname, 'process-group.ts'))};
    const group = startProcessGroup({ command: [process.execPath, '-e', ${JSON.stringify(program)}], cwd: undefined, env: {} });
    group.stdout.once('data', (pid) => {
      process.stdout.write(pid);
      setImmediate(() => { throw new Error('crash'); });
    });`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', gateway], {
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  const pid = Number(stdout);
  assert.ok(pid > 0);
  await until(() => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
});
