import type { NetworkSummary } from '../../wire/index.ts';
import { goStamp } from '../format/human-time.ts';
import type { ListingKind } from '../format/listing.ts';
import { labelOf, labelText, shortID } from '../format/shorten.ts';

export const networkTable = 'table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}';

export function networkListing(truncate: boolean): ListingKind<NetworkSummary> {
  return {
    type: '*network.networkContext',
    headings: {
      ID: 'NETWORK ID',
      Name: 'NAME',
      Driver: 'DRIVER',
      Scope: 'SCOPE',
      IPv4: 'IPV4',
      IPv6: 'IPV6',
      Internal: 'INTERNAL',
      Labels: 'LABELS',
      CreatedAt: 'CREATED AT',
    },
    fields: (network) => ({
      ID: () => (truncate ? shortID(network.Id) : network.Id),
      Name: () => network.Name,
      Driver: () => network.Driver,
      Scope: () => network.Scope,
      IPv4: () => String(network.EnableIPv4 ?? true),
      IPv6: () => String(network.EnableIPv6),
      Internal: () => String(network.Internal),
      Labels: () => labelText(network.Labels),
      Label: () => labelOf(network.Labels),
      CreatedAt: () => goStamp(network.Created),
    }),
  };
}
