import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StrataError } from '../../errors/index.ts';
import type { BuildEvent } from '../../progress/index.ts';
import { Flights } from './flights.ts';
import { Slots } from './slots.ts';
import { type Solving, solve } from './solve.ts';
import type { BoundedWork, Outcome, Vertex, Work } from './vertex.ts';

interface Toy extends Vertex<string> {
  calls: number;
}

function toy(
  id: string,
  inputs: readonly Vertex<string>[],
  run: (inputs: readonly string[], work: Work) => Promise<string> = async (given) => `${id}(${given.join()})`,
  options: { key?: string; stored?: string; waits?: boolean } = {},
): Toy {
  const vertex: Toy = {
    calls: 0,
    event: { id, kind: 'exec', name: id },
    inputs,
    op: {
      waits: options.waits ?? false,
      key: () => options.key ?? null,
      lookup: async () => (options.stored === undefined ? undefined : { result: options.stored }),
      run: async (given, work: BoundedWork) => {
        vertex.calls++;
        const result = () => run(given, work);
        return { result: await (options.waits ? work.turn(result) : result()) };
      },
    },
  };
  return vertex;
}

function bench(options: { slots?: number; signal?: AbortSignal; flights?: Flights<Outcome<string>> } = {}) {
  const events: BuildEvent[] = [];
  const solving: Solving<string> = {
    progress: (event) => events.push(event),
    signal: options.signal ?? new AbortController().signal,
    slots: new Slots(options.slots ?? 4),
    owner: {},
    flights: options.flights ?? new Flights(),
    now: () => 0,
    isAbsent: (result) => result.startsWith('absent '),
  };
  return { events, solving, of: (id: string) => events.filter((e) => 'id' in e && e.id === id).map((e) => e.type) };
}

test('a vertex that two others need runs once', async () => {
  const base = toy('base', []);
  const target = toy('target', [toy('a', [base]), toy('b', [base])]);
  const { solving } = bench();
  assert.deepEqual(await solve([target], solving), ['target(a(base()),b(base()))']);
  assert.equal(base.calls, 1);
});

test('what the target does not need does not run', async () => {
  const other = toy('other', []);
  const { solving, events } = bench();
  await solve([toy('target', [])], solving);
  assert.equal(other.calls, 0);
  assert.ok(!events.some((event) => 'id' in event && event.id === 'other'));
});

test('a stored result is taken and its op does not run', async () => {
  const stored = toy('stored', [], undefined, { stored: 'kept' });
  const { solving, events } = bench();
  assert.deepEqual(await solve([toy('target', [stored])], solving), ['target(kept)']);
  assert.equal(stored.calls, 0);
  assert.ok(events.some((event) => event.type === 'completed' && event.id === 'stored' && event.cached));
});

test('a result that is only a name does not run where it leads to a stored one', async () => {
  const base = toy('base', [], undefined, { stored: 'absent base' });
  const stage = toy('stage', [base], undefined, { stored: 'absent stage' });
  const copy = toy('copy', [stage], undefined, { stored: 'kept' });
  const { solving, events, of } = bench();
  assert.deepEqual(await solve([toy('target', [copy])], solving), ['target(kept)']);
  assert.deepEqual([base.calls, stage.calls, copy.calls], [0, 0, 0]);
  for (const id of ['base', 'stage']) assert.deepEqual(of(id), ['vertex', 'started', 'completed']);
  const cached = events.flatMap((event) => (event.type === 'completed' && event.cached ? [event.id] : []));
  assert.deepEqual(cached.toSorted(), ['base', 'copy', 'stage']);
});

test('a result that is only a name runs once when two others need what it holds', async () => {
  const base = toy('base', [], undefined, { stored: 'absent base' });
  const stage = toy('stage', [base], undefined, { stored: 'absent stage' });
  const hit = toy('hit', [stage], undefined, { stored: 'kept' });
  const { solving, events, of } = bench();
  const target = toy('target', [toy('a', [stage]), toy('b', [stage]), hit]);
  assert.deepEqual(await solve([target], solving), ['target(a(stage(base())),b(stage(base())),kept)']);
  assert.deepEqual([base.calls, stage.calls, hit.calls], [1, 1, 0]);
  for (const id of ['base', 'stage']) assert.deepEqual(of(id), ['vertex', 'started', 'started', 'completed']);
  assert.ok(!events.some((event) => event.type === 'completed' && event.cached && event.id !== 'hit'));
});

test('a target is made even where its result is known by name', async () => {
  const base = toy('base', [], undefined, { stored: 'absent base' });
  const target = toy('target', [base], undefined, { stored: 'absent target' });
  assert.deepEqual(await solve([target], bench().solving), ['target(base())']);
});

test('what is only offered is brought, but does not run', async () => {
  const kept = toy('kept', [], undefined, { stored: 'absent kept' });
  const named = toy('named', [], undefined, { stored: 'absent named' });
  const { solving, of } = bench();
  const bring = async (result: string) => (result === 'absent kept' ? { result: 'brought' } : undefined);
  const target = toy('target', [toy('hit', [named], undefined, { stored: 'hit' })]);
  const results = await solve([target], { ...solving, bring }, [kept, named, target]);
  assert.deepEqual(results, ['target(hit)', 'brought', 'absent named', 'target(hit)']);
  assert.deepEqual([kept.calls, named.calls, target.calls], [0, 0, 1]);
  for (const id of ['kept', 'named', 'target'])
    assert.deepEqual(of(id).filter((type) => type === 'completed').length, 1, id);
});

test('a failure of what was known by name ends the build, and nothing is left without an end', async () => {
  const stage = toy('stage', [], async () => Promise.reject(new StrataError('failed_precondition', 'broken')), {
    stored: 'absent stage',
  });
  const other = toy('other', [], undefined, { stored: 'absent other' });
  const { solving, of } = bench();
  await assert.rejects(solve([toy('target', [toy('a', [stage]), toy('b', [other, stage])])], solving), /broken/);
  assert.deepEqual(of('stage'), ['vertex', 'started', 'started', 'failed']);
  for (const id of ['a', 'b', 'other']) assert.match(of(id).at(-1)!, /cancelled|completed/, id);
});

test('independent vertices run in parallel, no more than there are slots', async () => {
  let running = 0;
  let most = 0;
  const busy = async () => {
    most = Math.max(most, ++running);
    await sleep(20);
    running--;
    return '';
  };
  const { solving } = bench({ slots: 2 });
  const all = ['a', 'b', 'c'].map((id) => toy(id, [], busy, { waits: true }));
  await solve([toy('target', all)], solving);
  assert.equal(most, 2);
});

test('what waits for its turn is told as waiting, and started only then; the rest takes no place', async () => {
  const { solving, of } = bench({ slots: 1 });
  const { promise: go, resolve: end } = Promise.withResolvers<string>();
  const first = toy('first', [], () => go, { waits: true });
  const second = toy('second', [], undefined, { waits: true });
  const copy = toy('copy', [], async () => {
    end('');
    return '';
  });
  await solve([toy('target', [first, second, copy])], solving);
  assert.deepEqual(of('first'), ['vertex', 'started', 'completed']);
  assert.deepEqual(of('second'), ['vertex', 'waiting', 'started', 'completed']);
  assert.deepEqual(of('copy'), ['vertex', 'started', 'completed']);
});

test('what is stopped while it waits is told as cancelled, and gives its place to nobody', async () => {
  const abort = new AbortController();
  const slots = new Slots(1);
  const { solving, of } = bench({ signal: abort.signal });
  const { promise: go, resolve: end } = Promise.withResolvers<void>();
  const holder = slots.use({ owner: {}, signal: new AbortController().signal }, () => go);
  const waiting = solve([toy('late', [], undefined, { waits: true })], { ...solving, slots });
  while (!of('late').includes('waiting')) await sleep(1);
  abort.abort();
  await assert.rejects(waiting);
  assert.deepEqual(of('late'), ['vertex', 'waiting', 'cancelled']);
  end();
  await holder;
  await slots.use({ owner: {}, signal: new AbortController().signal }, async () => undefined);
});

test('a build of many steps does not hold up the one step of another', async () => {
  const slots = new Slots(2);
  const order: string[] = [];
  const { promise: go, resolve: begin } = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  const holders = [1, 2].map(() => slots.use({ owner: {}, signal }, () => go));
  let asked = 0;
  const build = (name: string, count: number) => {
    const run = async () => {
      order.push(name);
      await new Promise(setImmediate);
      return '';
    };
    const steps = Array.from({ length: count }, (_, index) => toy(`${name}${index}`, [], run, { waits: true }));
    const progress = ({ type }: BuildEvent) => {
      if (type === 'waiting' && ++asked === 13) begin();
    };
    return solve([toy('target', steps)], { ...bench().solving, slots, progress });
  };
  await Promise.all([build('many', 10), build('some', 2), build('one', 1), ...holders]);
  // Who has fewest places comes next; among equals, who was served longest ago.
  assert.deepEqual(order.slice(0, 5).toSorted(), ['many', 'many', 'one', 'some', 'some']);
  assert.ok(order.indexOf('one') < 3, order.join());
});

test('a failure is told, aborts what still runs and keeps the rest from starting', async () => {
  const failing = toy('failing', [], async () => {
    await sleep(10);
    throw new StrataError('failed_precondition', 'broken');
  });
  let aborted = false;
  const slow = toy('slow', [], async (_, work) => {
    await new Promise((resolve) => work.signal.addEventListener('abort', resolve, { once: true }));
    aborted = true;
    throw work.signal.reason;
  });
  const after = toy('after', [failing, slow]);
  const { solving, of } = bench();
  await assert.rejects(solve([after], solving), /broken/);
  assert.equal(aborted, true);
  assert.deepEqual(of('failing'), ['vertex', 'started', 'failed']);
  assert.deepEqual(of('slow'), ['vertex', 'started', 'cancelled']);
  assert.deepEqual(of('after'), ['vertex']);
  assert.equal(after.calls, 0);
});

test('an abort ends the build when the running op has cleaned up', async () => {
  const controller = new AbortController();
  let cleaned = false;
  const slow = toy('slow', [], async (_, work) => {
    await new Promise((resolve) => work.signal.addEventListener('abort', resolve, { once: true }));
    await sleep(10);
    cleaned = true;
    throw work.signal.reason;
  });
  const { solving } = bench({ signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  await assert.rejects(solve([slow], solving));
  assert.equal(cleaned, true);
});

test('two builds that want the same work share one run and hear the same lines', async () => {
  const flights = new Flights<Outcome<string>>();
  const work = async (_: readonly string[], { emit }: Work) => {
    emit({ type: 'log', stream: 'stdout', at: 0, text: 'early\n' });
    await sleep(20);
    emit({ type: 'log', stream: 'stdout', at: 0, text: 'late\n' });
    return 'made';
  };
  const one = toy('one', [], work, { key: 'same' });
  const two = toy('two', [], work, { key: 'same' });
  const [first, second] = [bench({ flights }), bench({ flights })];
  const begun = solve([one], first.solving);
  await sleep(5);
  assert.deepEqual(await Promise.all([begun, solve([two], second.solving)]), [['made'], ['made']]);
  assert.equal(one.calls + two.calls, 1);
  const lines = second.events.flatMap((event) => (event.type === 'log' ? [event.text] : []));
  assert.deepEqual(lines, ['early\n', 'late\n']);
});

test('shared work goes on when one of two builds is cancelled, and stops when both are', async () => {
  const flights = new Flights<Outcome<string>>();
  let stopped = 0;
  const work = (_: readonly string[], { signal }: Work) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => resolve('made'), 60);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        stopped++;
        reject(signal.reason);
      });
    });
  const make = () => toy('x', [], work, { key: 'same' });
  const quitter = new AbortController();
  const staying = solve([make()], bench({ flights }).solving);
  const leaving = solve([make()], bench({ flights, signal: quitter.signal }).solving);
  setTimeout(() => quitter.abort(), 10);
  await assert.rejects(leaving);
  assert.deepEqual(await staying, ['made']);
  assert.equal(stopped, 0);

  const [a, b] = [new AbortController(), new AbortController()];
  const both = [a, b].map(({ signal }) => solve([make()], bench({ flights, signal }).solving));
  setTimeout(() => [a, b].forEach((controller) => void controller.abort()), 10);
  assert.deepEqual(
    (await Promise.allSettled(both)).map((end) => end.status),
    ['rejected', 'rejected'],
  );
  assert.equal(stopped, 1);
});
