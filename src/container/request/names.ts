import { randomInt } from 'node:crypto';
import { StrataError } from '../../errors/index.ts';

const adjectives = [
  'amber',
  'brave',
  'calm',
  'deft',
  'eager',
  'fleet',
  'gentle',
  'hardy',
  'ivory',
  'jolly',
  'keen',
  'lucid',
  'mellow',
  'nimble',
  'olive',
  'plain',
  'quiet',
  'rapid',
  'sober',
  'tidy',
  'upbeat',
  'vivid',
  'warm',
  'young',
  'zesty',
  'bold',
  'crisp',
  'dusty',
  'exact',
  'frosty',
  'golden',
  'humble',
];
const stones = [
  'agate',
  'basalt',
  'chalk',
  'dolomite',
  'emery',
  'flint',
  'gneiss',
  'granite',
  'gypsum',
  'halite',
  'jasper',
  'kaolin',
  'lava',
  'limestone',
  'marble',
  'marl',
  'mica',
  'obsidian',
  'onyx',
  'opal',
  'pumice',
  'pyrite',
  'quartz',
  'rhyolite',
  'sandstone',
  'schist',
  'shale',
  'slate',
  'talc',
  'topaz',
  'tuff',
  'zircon',
];

/** `invalid_argument` for what cannot be a name, shown with `before`. */
export function checkName(name: string, before = ''): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new StrataError(
    'invalid_argument',
    `Invalid container name (${before}${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { code: 'invalid_name' },
  );
}

/** `adjective_stone`, with a number once the plain ones are taken. */
export function randomName(taken: (name: string) => boolean): string {
  for (let tries = 0; ; tries++) {
    const name = `${adjectives[randomInt(adjectives.length)]}_${stones[randomInt(stones.length)]}${tries > 20 ? randomInt(10_000) : ''}`;
    if (!taken(name)) return name;
  }
}
