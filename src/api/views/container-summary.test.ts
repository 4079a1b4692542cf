import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState } from '../../container/index.ts';
import { humanDuration, parseDuration, parseMoment } from '../time.ts';
import { commandText, statusText } from './container-summary.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const state = (fields: Partial<ContainerState>): ContainerState => ({
  status: 'running',
  pid: 1,
  exitCode: 0,
  oomKilled: false,
  error: '',
  startedAt: '2026-01-01T11:59:57Z',
  finishedAt: '0001-01-01T00:00:00Z',
  ...fields,
});

test('the status of a container reads as Docker writes it', () => {
  assert.equal(statusText(state({}), now), 'Up 3 seconds');
  assert.equal(statusText(state({ status: 'paused' }), now), 'Up 3 seconds (Paused)');
  assert.equal(
    statusText(state({ health: { status: 'starting', failingStreak: 0, log: [] } }), now),
    'Up 3 seconds (health: starting)',
  );
  assert.equal(
    statusText(state({ health: { status: 'healthy', failingStreak: 0, log: [] } }), now),
    'Up 3 seconds (healthy)',
  );
  assert.equal(statusText(state({ status: 'created' }), now), 'Created');
  const finishedAt = '2026-01-01T11:58:00Z';
  assert.equal(statusText(state({ status: 'exited', exitCode: 3, finishedAt }), now), 'Exited (3) 2 minutes ago');
  assert.equal(
    statusText(state({ status: 'restarting', exitCode: 1, finishedAt }), now),
    'Restarting (1) 2 minutes ago',
  );
});

test('durations read as Docker writes them', () => {
  const words: readonly (readonly [number, string])[] = [
    [0.4, 'Less than a second'],
    [1.9, '1 second'],
    [59, '59 seconds'],
    [61, 'About a minute'],
    [3599, '59 minutes'],
    [3700, 'About an hour'],
    [47 * 3600, '47 hours'],
    [3 * 86400, '3 days'],
    [20 * 86400, '2 weeks'],
    [90 * 86400, '3 months'],
    [800 * 86400, '2 years'],
  ];
  for (const [seconds, text] of words) assert.equal(humanDuration(seconds), text);
});

test('moments are Unix times, dates or durations before now', () => {
  assert.equal(parseMoment('1700000000.5'), 1700000000.5);
  assert.equal(parseMoment('2026-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:00Z') / 1000);
  assert.equal(parseMoment('1h30m', 10_000), 10_000 - 5400);
  assert.equal(parseMoment(''), undefined);
  assert.equal(parseDuration('10ms'), 0.01);
  assert.throws(() => parseMoment('x'), /failed to parse value as time or duration: "x"/);
});

test('a command is shown with its blanks quoted', () => {
  assert.equal(commandText({ path: 'sh', args: ['-c', 'echo hi; sleep 1'] }), "sh -c 'echo hi; sleep 1'");
  assert.equal(commandText({ path: 'ls', args: [] }), 'ls');
});
