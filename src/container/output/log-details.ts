import type { Container } from '../types.ts';

/** Labels and variables that the options of a container's log ask for, and its tag (`logs --details`). */
export function logDetails(container: Container): Readonly<Record<string, string>> {
  const { Type = 'json-file', Config: options = {} } = container.host.LogConfig ?? {};
  if (Type !== 'json-file' && Type !== '') return {};
  const variables = Object.fromEntries(
    (container.config.Env ?? []).map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  return {
    ...chosen(container.config.Labels ?? {}, options['labels'], options['labels-regex']),
    ...chosen(variables, options['env'], options['env-regex']),
    ...(options['tag'] && { tag: tagOf(container, options['tag']) }),
  };
}

function chosen(
  values: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): Readonly<Record<string, string>> {
  const named = new Set((names ?? '').split(','));
  const matches = patternOf(pattern);
  return Object.fromEntries(Object.entries(values).filter(([name]) => named.has(name) || matches?.test(name)));
}

/** A pattern that cannot be read chooses nothing. */
function patternOf(text: string | undefined): RegExp | undefined {
  try {
    return text ? new RegExp(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The placeholders of Docker's log tags; what is none stays as it is. */
function tagOf({ id, name, config, imageID }: Container, template: string): string {
  const image = imageID ?? '';
  const values: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    ImageID: image.replace(/^sha256:/, '').slice(0, 12),
    ImageFullID: image,
    ImageName: config.Image ?? '',
    DaemonName: 'docker',
  };
  return template.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, field: string) => values[field] ?? whole);
}
