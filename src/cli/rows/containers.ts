import type { ContainerSummary } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';
import { goTime, humanAgo } from '../format/human-time.ts';
import type { ListingKind } from '../format/listing.ts';
import { ellipsis, goQuote, labelOf, labelText, shortID } from '../format/shorten.ts';
import { portText } from './ports.ts';

export function containerTable(size: boolean): string {
  return `table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}${size ? '\t{{.Size}}' : ''}`;
}

export function containerListing(truncate: boolean): ListingKind<ContainerSummary> {
  return {
    type: '*formatter.ContainerContext',
    headings: {
      ID: 'CONTAINER ID',
      Names: 'NAMES',
      Image: 'IMAGE',
      Command: 'COMMAND',
      CreatedAt: 'CREATED AT',
      RunningFor: 'CREATED',
      Ports: 'PORTS',
      State: 'STATE',
      Status: 'STATUS',
      Size: 'SIZE',
      Labels: 'LABELS',
      Mounts: 'MOUNTS',
      LocalVolumes: 'LOCAL VOLUMES',
      Networks: 'NETWORKS',
      Platform: 'PLATFORM',
    },
    fields: (container) => ({
      ID: () => (truncate ? shortID(container.Id) : container.Id),
      Names: () => nameText(container, truncate),
      Image: () => imageText(container, truncate),
      Command: () => goQuote(truncate ? ellipsis(container.Command, 20) : container.Command),
      CreatedAt: () => goTime(container.Created),
      RunningFor: () => humanAgo(container.Created),
      Ports: () => portText(container.Ports),
      State: () => container.State,
      Status: () => container.Status,
      Size: () => sizeText(container),
      Labels: () => labelText(container.Labels),
      Label: () => labelOf(container.Labels),
      Mounts: () => mountText(container, truncate),
      LocalVolumes: () =>
        String((container.Mounts ?? []).filter((mount) => (mount as { Driver?: string }).Driver === 'local').length),
      Networks: () => Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
      Platform: () => null,
    }),
  };
}

/** Names that other containers give it by links are left out of short listings. */
function nameText({ Names }: ContainerSummary, truncate: boolean): string {
  const names = (Names ?? []).map((name) => name.replace(/^\//, ''));
  return names.filter((name) => !truncate || !name.includes('/')).join(',');
}

function imageText({ Image, ImageID }: ContainerSummary, truncate: boolean): string {
  if (Image === '') return '<no image>';
  if (!truncate) return Image;
  if (Image === ImageID || Image === shortID(ImageID)) return shortID(ImageID);
  return Image.replace(/@sha256:[0-9a-f]{64}$/, '');
}

function mountText({ Mounts }: ContainerSummary, truncate: boolean): string {
  const names = (Mounts ?? []).map(({ Name, Source }) => Name || Source);
  return names.map((name) => (truncate ? ellipsis(name, 15) : name)).join(',');
}

function sizeText({ SizeRw, SizeRootFs }: ContainerSummary): string {
  const own = humanSize(SizeRw ?? 0, 3);
  return SizeRootFs ? `${own} (virtual ${humanSize(SizeRootFs, 3)})` : own;
}
