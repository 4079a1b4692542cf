import type { Dockerfile, Stage } from '../../dockerfile/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import { rangesOf } from './check.ts';
import { commentFor } from './comment.ts';
import { table } from './table.ts';

/** The answer of `--call=targets`: the stages and what their comments say. */
export function targetsAnswer(dockerfile: Dockerfile, text: string): NonNullable<BuildResult['report']> {
  const last = dockerfile.stages.length - 1;
  const rows = dockerfile.stages.map((stage, index) => {
    const name = stage.name ?? '';
    return [index === last ? `${name} (default)`.trim() : name, descriptionOf(stage)];
  });
  const json = {
    targets: dockerfile.stages.map((stage, index) => {
      const description = descriptionOf(stage);
      return {
        ...(stage.name !== undefined && { name: stage.name }),
        ...(index === last && { default: true }),
        ...(description !== '' && { description }),
        base: stage.base,
        ...(stage.platform !== undefined && { platform: stage.platform }),
        location: rangesOf(stage.from.location),
      };
    }),
    sources: [Buffer.from(text).toString('base64')],
  };
  return { text: table([['TARGET', 'DESCRIPTION'], ...rows]), json, failed: false };
}

export function descriptionOf(stage: Stage): string {
  return commentFor(stage.from, stage.name ?? '');
}
