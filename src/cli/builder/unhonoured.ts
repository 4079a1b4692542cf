/** Options of `docker build` that the builder does not honour: refused, or sentences to warn with. */
import type { FlagValues } from '../flags/flag.ts';
import { parseBool } from '../flags/values.ts';
import { fault } from './fault.ts';
import type { buildFlags } from './flags.ts';

type Values = FlagValues<typeof buildFlags>;

/** What the user is told of, in buildx's words where it has any. */
export function ignoredOptions(flags: Values): readonly string[] {
  if (!['', 'default'].includes(flags.builder))
    throw fault(`no builder ${JSON.stringify(flags.builder)} found`, 'the engine has one builder, called default');
  const told = (when: boolean, text: string) => (when ? [text] : []);
  return [
    ...told(
      flags.squash,
      'experimental flag squash is removed with BuildKit. You should squash inside build using a multi-stage Dockerfile for efficiency.',
    ),
    ...told(flags.isolation !== '', 'isolation flag is deprecated with BuildKit.'),
    ...told(
      flags['security-opt'].length > 0,
      'security-opt flag is deprecated. "RUN --security=insecure" should be used with BuildKit.',
    ),
  ];
}

/** The attestations that are asked for by name, with their attributes. */
export function attestsOf({ attest, provenance, sbom }: Values): Record<string, string> {
  const asked: Record<string, string> = {};
  for (const spec of attest) {
    const fields = spec.split(',').map((field) => field.split('=', 2) as [string, string?]);
    const type = fields.find(([name]) => name === 'type')?.[1] ?? (fields[0]?.[1] === undefined ? fields[0]?.[0] : '');
    if (!type) throw fault('attestation type not specified');
    asked[type] = spec;
  }
  for (const [type, text] of Object.entries({ provenance, sbom })) {
    if (text === '') continue;
    const isOn = text.includes('=') || !isFalse(text);
    asked[type] = isOn ? text : 'disabled=true';
  }
  return asked;
}

function isFalse(text: string): boolean {
  try {
    return !parseBool(text);
  } catch {
    return false;
  }
}
