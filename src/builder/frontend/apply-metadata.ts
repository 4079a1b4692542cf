import { type ArgInstruction, commandArguments, type Instruction } from '../../dockerfile/index.ts';
import { setEnv } from './image-draft.ts';
import type { Scope } from './scope.ts';
import type { StageState } from './stage-state.ts';

type Metadata = Exclude<Instruction, { kind: 'from' | 'run' | 'copy' | 'add' | 'workdir' }>;

/** Applies an expanded instruction that touches no file. Returns it as it has to be recorded. */
export function applyMetadata(
  state: StageState,
  instruction: Metadata,
  given: Readonly<Record<string, string>>,
  globals: Scope,
): Metadata {
  const { config } = state.draft;
  switch (instruction.kind) {
    case 'arg':
      return applyArg(state, instruction, given, globals);
    case 'env':
      for (const { key, value } of instruction.pairs) {
        state.scope.set(key, value);
        setEnv(config, key, value);
      }
      break;
    case 'label': {
      const added = instruction.pairs.map(({ key, value }) => [key, value]);
      config.Labels = { ...config.Labels, ...Object.fromEntries(added) };
      break;
    }
    case 'cmd':
      config.Cmd = commandArguments(instruction, state.shell);
      config.ArgsEscaped = true;
      state.ownCommand = true;
      break;
    case 'entrypoint':
      config.Entrypoint = commandArguments(instruction, state.shell);
      if (!state.ownCommand) config.Cmd = null;
      break;
    case 'expose':
      config.ExposedPorts = { ...config.ExposedPorts, ...keysOf(instruction.ports) };
      break;
    case 'volume':
      config.Volumes = { ...config.Volumes, ...keysOf(instruction.volumes) };
      break;
    case 'user':
      config.User = instruction.user;
      break;
    case 'stopsignal':
      config.StopSignal = instruction.signal;
      break;
    case 'shell':
      config.Shell = instruction.shell;
      break;
    case 'healthcheck':
      config.Healthcheck = healthcheck(instruction.health);
      break;
    case 'onbuild':
      config.OnBuild = [...(config.OnBuild ?? []), instruction.expression];
      break;
    case 'maintainer':
      state.draft.author = instruction.maintainer;
      break;
  }
  return instruction;
}

/** A given value wins over the default; without either an argument of the same name in front of the first FROM counts. */
function applyArg(
  state: StageState,
  instruction: ArgInstruction,
  given: Readonly<Record<string, string>>,
  globals: Scope,
): ArgInstruction {
  const args = instruction.args.map(({ key, value }) => {
    const known = given[key] ?? value ?? globals.get(key);
    if (known !== undefined) state.scope.set(key, known);
    state.args.push(key);
    return known === undefined ? { key } : { key, value: known };
  });
  return { ...instruction, args };
}

function healthcheck(health: Extract<Instruction, { kind: 'healthcheck' }>['health']) {
  const { test, interval, timeout, startPeriod, startInterval, retries } = health;
  return {
    Test: test,
    ...(interval !== 0 && { Interval: interval }),
    ...(timeout !== 0 && { Timeout: timeout }),
    ...(startPeriod !== 0 && { StartPeriod: startPeriod }),
    ...(startInterval !== 0 && { StartInterval: startInterval }),
    ...(retries !== 0 && { Retries: retries }),
  };
}

function keysOf(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
