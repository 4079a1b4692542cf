import { type Dockerfile, globalScope, proxyArgs } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { hostPlatform, type Platform } from '../../oci/index.ts';
import type { Building } from '../building.ts';
import type { ExecSecrets } from '../ops/exec-spec.ts';
import { Scope } from './scope.ts';

/** What a build is given beside its Dockerfile: platforms and arguments in front of it, secrets, the time of its files. */
export function globalsOf(building: Building, dockerfile: Dockerfile, targetPlatform: Platform): Scope {
  const { target } = building.request;
  return new Scope(
    globalScope(dockerfile, {
      buildPlatform: hostPlatform(),
      targetPlatform,
      buildArgs: building.given,
      ...(target && { target }),
    }),
  );
}

/** SOURCE_DATE_EPOCH, in Unix seconds. */
export function epochOf(given: Building['given']): number | undefined {
  const text = given['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (!/^[0-9]{1,12}$/.test(text)) {
    const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw new StrataError('invalid_argument', `invalid SOURCE_DATE_EPOCH: ${text}: ${why}`);
  }
  return Number(text);
}

/** What RUN and sources get that no layer may hold. */
export function secretsOf(building: Building): ExecSecrets {
  const { secrets = [], ssh = [] } = building.request;
  // A RUN finds each under both spellings; the upper one counts where they differ.
  const proxy = proxyArgs.flatMap((name) => {
    const value = building.given[name.toUpperCase()] ?? building.given[name.toLowerCase()];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return {
    proxy,
    secrets: new Map(secrets.map(({ id, value }) => [id, Buffer.from(value, 'base64')])),
    secretOf: building.session.secretOf,
    ssh: new Map(ssh.flatMap(({ id, socket }) => (socket === undefined ? [] : [[id, socket] as const]))),
  };
}
