import type { SearchHit } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, filter, integer, text } from '../../flags/flag.ts';
import { type ListingKind, renderListing } from '../../format/listing.ts';
import { ellipsis } from '../../format/shorten.ts';
import { credentialsOf } from '../../registry-auth.ts';

const searchTable = 'table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}';

export const command = defineCommand({
  synopsis: '[OPTIONS] TERM',
  args: { min: 1, max: 1 },
  flags: {
    filter: filter('f', 'Filter output based on conditions provided'),
    format: text('', 'Pretty-print search using a Go template'),
    limit: integer('', 'Max number of search results'),
    'no-trunc': bool('', "Don't truncate output"),
  },
  async run({ flags, args, session, client }) {
    const { images } = await client();
    const auth = await credentialsOf(session, 'docker.io');
    const hits = await images.search(args[0]!, {
      ...(flags.limit > 0 && { limit: flags.limit }),
      filters: flags.filter,
      ...(auth && { auth }),
    });
    const sorted = [...hits].sort((a, b) => b.star_count - a.star_count);
    session.stdout.write(renderListing(searchListing(!flags['no-trunc']), sorted, flags.format, searchTable));
    return 0;
  },
});

function searchListing(truncate: boolean): ListingKind<SearchHit> {
  return {
    type: '*registry.searchContext',
    headings: { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL' },
    fields: (hit) => ({
      Name: () => hit.name,
      Description: () => {
        const oneLine = hit.description.replaceAll('\n', ' ').replaceAll('\r', ' ');
        return truncate ? ellipsis(oneLine, 45) : oneLine;
      },
      StarCount: () => String(hit.star_count),
      IsOfficial: () => (hit.is_official ? '[OK]' : ''),
      IsAutomated: () => '',
    }),
  };
}
