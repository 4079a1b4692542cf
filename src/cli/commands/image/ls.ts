import { defineCommand } from '../../command.ts';
import { bool, filter } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { renderListing } from '../../format/listing.ts';
import { imageListing, imageRows } from '../../rows/images.ts';
import { savedFormat } from '../../saved-format.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] [REPOSITORY[:TAG]]',
  args: { min: 0, max: 1 },
  flags: {
    all: bool('a', 'Show all images (default hides intermediate images)'),
    digests: bool('', 'Show digests'),
    filter: filter('f', 'Filter output based on conditions provided'),
    format: listFormat,
    'no-trunc': bool('', "Don't truncate output"),
    quiet: bool('q', 'Only show image IDs'),
  },
  examples: [
    ['image ls --filter dangling=true', 'images without a name'],
    ["image ls --format 'table {{.Repository}}\\t{{.Tag}}\\t{{.Size}}'", 'a table of your own'],
  ],
  async run({ flags, args, session, client }) {
    const { images } = await client();
    const [pattern] = args;
    const list = await images.list({
      all: flags.all,
      filters:
        pattern === undefined
          ? flags.filter
          : { ...flags.filter, reference: [...(flags.filter['reference'] ?? []), pattern] },
    });
    const format = flags.format || (flags.quiet ? '' : savedFormat(session, 'imagesFormat'));
    const rows = imageRows(list, flags.digests || format.includes('.Digest'));
    session.stdout.write(renderListing(imageListing(!flags['no-trunc']), rows, format, standard(flags)));
    return 0;
  },
});

function standard({ quiet, digests }: { readonly quiet: boolean; readonly digests: boolean }): string {
  if (quiet) return '{{.ID}}';
  return `table {{.Repository}}\t{{.Tag}}${digests ? '\t{{.Digest}}' : ''}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`;
}
