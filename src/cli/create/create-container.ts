import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Client } from '../../client/index.ts';
import { StrataError } from '../../errors/index.ts';
import { familiarName, parseReference, withDefaultTag } from '../../oci/index.ts';
import type { CreatedContainer } from '../../wire/index.ts';
import { pullImage } from '../transfers/pull-image.ts';
import { type Attached, type CreateInput, createRequest } from './config.ts';
import { invalid } from './invalid.ts';

/** Creates a container; pulls its image where the options say so. */
export async function createContainer(
  client: Client,
  input: CreateInput,
  attached: Attached,
): Promise<CreatedContainer> {
  const { flags, session } = input;
  if (!['always', 'missing', 'never', ''].includes(flags.pull)) {
    throw invalid(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`);
  }
  const request = createRequest(input, attached);
  checkPlatform(flags.platform);
  if (!/^(sha256:)?[0-9a-f]{64}$/.test(input.image)) parseReference(input.image);
  return await withIDFile(flags.cidfile, session.cwd, async () => {
    if (flags.pull === 'always') await pull(client, input);
    const created = await createOrPull(client, input, request);
    for (const warning of created.Warnings ?? []) session.stderr.write(`WARNING: ${warning}\n`);
    return created;
  });
}

/** `os[/architecture[/variant]]`, or one of the last two. */
function checkPlatform(text: string): void {
  if (text === '' || /^[\w.-]+(\/[\w.-]+){0,2}$/.test(text)) return;
  throw invalid(
    `error parsing specified platform: ${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`,
  );
}

async function createOrPull(client: Client, input: CreateInput, request: object): Promise<CreatedContainer> {
  const { flags, image, session } = input;
  const create = () => client.containers.create(request, { name: flags.name, platform: flags.platform });
  try {
    return await create();
  } catch (error) {
    if (!isImageAbsent(error) || flags.pull === 'never') throw error;
    if (!flags.quiet) session.stderr.write(`Unable to find image '${fullName(image)}' locally\n`);
    await pull(client, input);
    return await create();
  }
}

/** Pull messages go to stderr: the output is the container's. */
async function pull(client: Client, { flags, image, session }: CreateInput): Promise<void> {
  await pullImage(client, session, image, { platform: flags.platform, quiet: flags.quiet, output: session.stderr });
}

/** Also one that is there for another platform. */
function isImageAbsent(error: unknown): boolean {
  return error instanceof StrataError && error.code === 'http_404';
}

function fullName(image: string): string {
  return familiarName(withDefaultTag(parseReference(image)));
}

async function withIDFile(name: string, cwd: string, work: () => Promise<CreatedContainer>): Promise<CreatedContainer> {
  if (name === '') return await work();
  const path = resolve(cwd, name);
  if (existsSync(path)) {
    throw invalid(`container ID file found, make sure the other container isn't running or delete ${name}`);
  }
  // The file is made first: where it cannot be, there is no container either.
  writeFileSync(path, '', { flag: 'wx' });
  try {
    const created = await work();
    writeFileSync(path, created.Id);
    return created;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}
