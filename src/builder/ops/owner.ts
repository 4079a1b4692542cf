import { StrataError } from '../../errors/index.ts';
import type { Owner } from '../files/jobs.ts';
import type { TargetLayers } from '../files/target-view.ts';
import type { Work } from '../solver/vertex.ts';
import type { Workshop } from './workshop.ts';

/** Longest passwd or group file that is read. */
const limit = 8 << 20;

/**
 * The owner that `--chown=user[:group]` means in the target. As in BuildKit a user that is not there counts as 0, a
 * group that is not there as the user's, and a number alone is user and group. On scratch, names cannot be looked up.
 */
export async function resolveOwner(shop: Workshop, spec: string, target: TargetLayers, work: Work): Promise<Owner> {
  const [user = '', group] = splitOnce(spec);
  const rows = async (path: string, what: 'user' | 'group') => {
    if (target.lowers.length === 0) throw noNames(what);
    const text = await shop.files.run({ kind: 'read', target: { ...target, path }, limit }, work);
    return (text ?? '').split('\n').map((line) => line.trim().split(':'));
  };
  let owner: Owner = { uid: 0, gid: 0 };
  const uid = givenNumber(user);
  if (uid !== undefined) owner = { uid, gid: uid };
  else if (user !== '') {
    const row = (await rows('/etc/passwd', 'user')).find(([name]) => name === user);
    owner = { uid: numberOf(row?.[2] ?? '') ?? 0, gid: numberOf(row?.[3] ?? '') ?? 0 };
  }
  if (group === undefined) return owner;
  if (group === '') return { uid: owner.uid, gid: 0 };
  const gid =
    givenNumber(group) ?? numberOf((await rows('/etc/group', 'group')).find(([name]) => name === group)?.[2] ?? '');
  return { uid: owner.uid, gid: gid ?? owner.gid };
}

function splitOnce(spec: string): string[] {
  const colon = spec.indexOf(':');
  return colon < 0 ? [spec] : [spec.slice(0, colon), spec.slice(colon + 1)];
}

function noNames(what: 'user' | 'group'): StrataError {
  return new StrataError('invalid_argument', `invalid ${what} index: -1`, {
    code: `unknown_${what}`,
    hint: 'an empty root has no /etc/passwd: give the owner as numbers',
  });
}

/** The reference takes what is no signed 32-bit number for a name. */
function givenNumber(text: string): number | undefined {
  const id = numberOf(text);
  return id !== undefined && id <= 0x7fff_ffff ? id : undefined;
}

/** Ids are unsigned 32-bit numbers; anything else must not become one by overflow. */
function numberOf(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= 0xffff_fffe ? id : undefined;
}
