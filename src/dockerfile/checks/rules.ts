/** The build checks as data. A rule's own check is where its finding is made; here is what it is called and says. */

export interface Rule {
  readonly name: string;
  readonly description: string;
  /** Page of the rule; absent where there is none. */
  readonly url?: string;
  /** Only run where the check directive asks for it by `experimental=`. */
  readonly experimental?: boolean;
  /** `docker`: a rule of Docker's reference, same name and words. `strata`: our own, about size, speed and secrets. */
  readonly origin: 'docker' | 'strata';
}

const docsOf = (slug: string): string => `https://docs.docker.com/go/dockerfile/rule/${slug}/`;

function slugOf(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}

function docker(name: string, description: string, options: { experimental?: boolean; page?: boolean } = {}): Rule {
  return {
    name,
    description,
    origin: 'docker',
    ...(options.page === false ? {} : { url: docsOf(slugOf(name)) }),
    ...(options.experimental ? { experimental: true } : {}),
  };
}

function strata(name: string, description: string): Rule {
  return { name, description, origin: 'strata' };
}

const rules = {
  StageNameCasing: docker('StageNameCasing', 'Stage names should be lowercase'),
  FromAsCasing: docker('FromAsCasing', "The 'as' keyword should match the case of the 'from' keyword"),
  NoEmptyContinuation: docker('NoEmptyContinuation', 'Empty continuation lines will become errors in a future release'),
  ConsistentInstructionCasing: docker(
    'ConsistentInstructionCasing',
    'All commands within the Dockerfile should use the same casing (either upper or lower)',
  ),
  DuplicateStageName: docker('DuplicateStageName', 'Stage names should be unique'),
  ReservedStageName: docker('ReservedStageName', 'Reserved words should not be used as stage names'),
  JSONArgsRecommended: docker(
    'JSONArgsRecommended',
    'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
  ),
  MaintainerDeprecated: docker(
    'MaintainerDeprecated',
    'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
  ),
  UndefinedArgInFrom: docker('UndefinedArgInFrom', 'FROM command must use declared ARGs'),
  WorkdirRelativePath: docker(
    'WorkdirRelativePath',
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
  ),
  UndefinedVar: docker('UndefinedVar', 'Variables should be defined before their use'),
  MultipleInstructionsDisallowed: docker(
    'MultipleInstructionsDisallowed',
    'Multiple instructions of the same type should not be used in the same stage',
  ),
  LegacyKeyValueFormat: docker(
    'LegacyKeyValueFormat',
    'Legacy key/value format with whitespace separator should not be used',
  ),
  InvalidBaseImagePlatform: docker(
    'InvalidBaseImagePlatform',
    'Base image platform does not match expected target platform',
    { page: false },
  ),
  RedundantTargetPlatform: docker(
    'RedundantTargetPlatform',
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  ),
  SecretsUsedInArgOrEnv: docker(
    'SecretsUsedInArgOrEnv',
    'Sensitive data should not be used in the ARG or ENV commands',
  ),
  InvalidDefaultArgInFrom: docker(
    'InvalidDefaultArgInFrom',
    'Default value for global ARG results in an empty or invalid base image name',
  ),
  FromPlatformFlagConstDisallowed: docker(
    'FromPlatformFlagConstDisallowed',
    'FROM --platform flag should not use a constant value',
  ),
  CopyIgnoredFile: docker('CopyIgnoredFile', 'Attempting to Copy file that is excluded by .dockerignore', {
    experimental: true,
  }),
  InvalidDefinitionDescription: docker(
    'InvalidDefinitionDescription',
    'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
    { experimental: true },
  ),
  ExposeProtoCasing: docker('ExposeProtoCasing', 'Protocol in EXPOSE instruction should be lowercase'),
  ExposeInvalidFormat: docker(
    'ExposeInvalidFormat',
    'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
  ),
  PackageListsLeft: strata(
    'PackageListsLeft',
    'Package lists and caches that a RUN downloads should be removed in the same RUN or kept in a cache mount',
  ),
  DeletedInLaterLayer: strata(
    'DeletedInLaterLayer',
    'Files should be deleted in the layer that makes them: a later layer only hides them',
  ),
  BuildToolsInFinalStage: strata(
    'BuildToolsInFinalStage',
    'Compilers and headers belong in a build stage, not in the image that is shipped',
  ),
  CopyBeforeSlowRun: strata(
    'CopyBeforeSlowRun',
    'A slow RUN should come before a COPY that it does not need, so that it stays cached',
  ),
  SecretInValue: strata(
    'SecretInValue',
    'Values of ARG and ENV stay readable in the image, so they should not hold secrets',
  ),
} satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;

/** All rules by name, in the order of Docker's reference and then our own. */
export const ruleset: Readonly<Record<RuleName, Rule>> = rules;
