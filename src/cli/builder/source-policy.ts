import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../errors/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { Session } from '../session.ts';
import { fault } from './fault.ts';

type Policy = NonNullable<BuildRequest['sourcePolicies']>[number];

const actions = ['ALLOW', 'DENY', 'CONVERT'] as const;
const matchTypes = ['WILDCARD', 'EXACT', 'REGEX'] as const;

/** Reads the source policy that `EXPERIMENTAL_BUILDKIT_SOURCE_POLICY` names: a JSON file of BuildKit's. */
export function readPolicy(env: Session['env'], cwd: string): readonly Policy[] {
  const file = env['EXPERIMENTAL_BUILDKIT_SOURCE_POLICY'];
  if (!file) return [];
  try {
    return [parsePolicy(readFileSync(resolve(cwd, file), 'utf8'))];
  } catch (error) {
    throw fault(`failed to parse source policy: ${messageOf(error)}`);
  }
}

interface GivenRule {
  readonly action?: unknown;
  readonly selector?: { readonly identifier?: string; readonly match_type?: unknown; readonly constraints?: unknown[] };
  readonly updates?: { readonly identifier?: string; readonly attrs?: Readonly<Record<string, string>> };
}

function parsePolicy(text: string): Policy {
  const { rules = [] } = JSON.parse(text) as { rules?: readonly GivenRule[] };
  return {
    rules: rules.map(({ action, selector = {}, updates }) => ({
      action: named(actions, action),
      selector: {
        identifier: selector.identifier ?? '',
        matchType: named(matchTypes, selector.match_type),
        ...(selector.constraints?.length && { constraints: selector.constraints.map(() => '') }),
      },
      ...(updates && { updates }),
    })),
  };
}

/** A name of the list, or its number; the first where nothing is said. */
function named<T extends string>(names: readonly T[], given: unknown): T {
  const found =
    given === undefined ? names[0] : typeof given === 'number' ? names[given] : names.find((name) => name === given);
  if (found === undefined) throw new Error(`unrecognized enum ${names[0]} value ${JSON.stringify(given)}`);
  return found;
}
