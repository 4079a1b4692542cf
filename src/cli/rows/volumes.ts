import type { VolumeSummary } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';
import type { ListingKind } from '../format/listing.ts';
import { labelOf, labelText } from '../format/shorten.ts';

export const volumeTable = 'table {{.Driver}}\t{{.Name}}';

export const volumeListing: ListingKind<VolumeSummary> = {
  type: '*formatter.volumeContext',
  headings: {
    Name: 'VOLUME NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Availability: 'AVAILABILITY',
    Group: 'GROUP',
    Status: 'STATUS',
  },
  fields: (volume) => ({
    Name: () => volume.Name,
    Driver: () => volume.Driver,
    Scope: () => volume.Scope,
    Mountpoint: () => volume.Mountpoint,
    Labels: () => labelText(volume.Labels),
    Label: () => labelOf(volume.Labels),
    Links: () => (volume.UsageData ? String(volume.UsageData.RefCount) : 'N/A'),
    Size: () => (volume.UsageData ? humanSize(volume.UsageData.Size) : 'N/A'),
    Availability: () => 'N/A',
    Group: () => 'N/A',
    Status: () => 'N/A',
  }),
};
