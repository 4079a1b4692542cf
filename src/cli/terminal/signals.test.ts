import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../session.ts';
import { forwardSignals } from './signals.ts';

test('the third request to end ends the command, and all of them are passed on', () => {
  const heard = new Map<string, () => void>();
  const sent: string[] = [];
  let said = '';
  let code: number | undefined;
  const session = {
    onSignal: (name: string, listener: () => void) => {
      heard.set(name, listener);
      return () => heard.delete(name);
    },
    stderr: {
      write(text: string) {
        said += text;
      },
    },
    exit(status: number) {
      code = status;
    },
  } as unknown as Session;
  const stop = forwardSignals(session, (signal) => sent.push(signal));
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGHUP', 'SIGTERM']) heard.get(signal)!();
  assert.deepEqual([said, code], ['', undefined]);
  heard.get('SIGINT')!();
  assert.deepEqual([said, code], ['\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n', 1]);
  assert.deepEqual(sent, ['SIGINT', 'SIGHUP', 'SIGHUP', 'SIGTERM', 'SIGINT']);
  stop();
  assert.equal(heard.size, 0);
});
