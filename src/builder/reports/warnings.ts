import { checkParsed, parseInReferenceOrder, parseTolerant, withExcerpt } from '../../dockerfile/index.ts';
import type { Platform } from '../../oci/index.ts';
import type { Building } from '../building.ts';
import type { ReadDockerfile } from '../contexts/read-dockerfile.ts';
import { globalsOf } from '../frontend/given.ts';
import { findTarget, neededStages, readStages, type StageNode } from '../frontend/stages.ts';
import { type BaseConfigParts, type BaseConfigs, readBaseConfigs } from './base-configs.ts';
import { checkOptions } from './call.ts';

/** The build checks: they warn, unless the file wants them to fail the build. */
export async function tellWarnings(
  building: Building,
  file: ReadDockerfile,
  platform: Platform,
  known?: BaseConfigs,
): Promise<void> {
  const dockerfile = parseInReferenceOrder(file.text, { file: file.name });
  const bases = known ?? (await basesOf(building, file, platform, {}));
  const options = checkOptions(building.request, file, building.given, platform, bases.find);
  const { warnings, error } = checkParsed(dockerfile, options);
  const told = new Set<string>();
  for (const { rule, message, description, url, location } of warnings) {
    // Two variables of one line may lack the same: to the reader that is one thing to mend.
    const same = JSON.stringify([rule, message, location.line]);
    if (told.has(same)) continue;
    told.add(same);
    building.session.progress({
      type: 'warning',
      rule,
      message,
      description,
      ...(url !== undefined && { url }),
      location: withExcerpt(location, dockerfile.lines),
    });
  }
  if (error?.code === 'check_failed' || error?.code === 'invalid_check') throw error;
}

/** The settings of base images: of those here, and of those in the given registry. */
export async function basesOf(
  building: Building,
  file: ReadDockerfile,
  platform: Platform,
  { registry }: Pick<BaseConfigParts, 'registry'>,
): Promise<BaseConfigs> {
  const dockerfile = parseTolerant(file.text, { file: file.name });
  let nodes: readonly StageNode[] = [];
  try {
    if (dockerfile.diagnostics.length === 0) nodes = readStages(dockerfile, globalsOf(building, dockerfile, platform));
  } catch {
    // What is wrong with the file is told by the one who asks.
  }
  const { call, target } = building.request;
  // An outline is of one stage, as a build is; the checks look at every stage.
  const wanted = call === 'outline' && nodes.length > 0 ? neededStages(nodes, findTarget(nodes, target)) : nodes;
  const { parts, shop } = building.plant;
  return readBaseConfigs(
    { images: parts.images, bases: shop.bases, ...(registry && { registry }) },
    building.session,
    building.request,
    dockerfile,
    nodes,
    wanted,
    platform,
  );
}
