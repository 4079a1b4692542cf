import { familiarName, formatPlatform, type Index, parsePlatform, parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, text } from '../../flags/flag.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { inspectObjects } from '../../inspect-objects.ts';
import { type ManifestTools, withManifestTools } from '../../manifest-tools.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [IMAGE...]',
  args: { min: 1 },
  flags: {
    format: plainFormat('f'),
    insecure: bool('', 'With --remote: allow communication with an insecure registry'),
    platform: text('', 'Inspect this platform of an image of many, "os[/arch[/variant]]"'),
    remote: bool('', 'Ask the registry, without pulling anything'),
  },
  async run({ flags, args, session, client }) {
    const { format, platform } = flags;
    if (flags.remote) {
      const insecure = flags.insecure ? args.map((name) => parseReference(name).domain) : [];
      return await withManifestTools(session, insecure, (tools) =>
        inspectObjects(args, format, session, (name) => remoteImage(tools, name, platform)),
      );
    }
    const { images } = await client();
    return await inspectObjects(args, format, session, (name) => images.inspect(name, { platform }));
  },
});

/** JSON of what a registry has under a name; with a platform, of the index's member for it. */
async function remoteImage({ registry, request }: ManifestTools, name: string, platform: string): Promise<string> {
  const { chooseManifest, inspectRemote } = await import('../../../registry/index.ts');
  const given = parseReference(name);
  const asked = await request(given.domain);
  let found = await inspectRemote(registry, given, asked);
  if (platform !== '' && 'manifests' in found.document) {
    const { digest } = chooseManifest(found.document as Index, parsePlatform(platform));
    const { tag: _, ...repository } = given;
    found = await inspectRemote(registry, { ...repository, digest }, asked);
  }
  const { ref, descriptor, platforms, document, config } = found;
  return JSON.stringify({
    Name: familiarName(ref),
    Digest: descriptor.digest,
    MediaType: descriptor.mediaType,
    Size: descriptor.size,
    Platforms: platforms.map(formatPlatform),
    Manifest: document,
    ...(config && { Config: config }),
  });
}
