import type { CacheRecordSummary, ContainerSummary, DiskUsage } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';
import { goStamp, humanAgo } from '../format/human-time.ts';
import type { ListingKind } from '../format/listing.ts';

export const usageTable = 'table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}';
export const imageUsageTable =
  'table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}';
export const containerUsageTable =
  'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}';
export const volumeUsageTable = 'table {{.Name}}\t{{.Links}}\t{{.Size}}';
export const cacheUsageTable =
  'table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}';

export interface UsageRow {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** Say how much of the whole can be reclaimed. */
  readonly share: boolean;
}

export function usageRows({ LayersSize, Images, Containers, Volumes, BuildCache }: DiskUsage): UsageRow[] {
  return [
    imageUsage(LayersSize ?? 0, Images ?? []),
    containerUsage(Containers ?? []),
    volumeUsage(Volumes ?? []),
    cacheUsage(BuildCache ?? []),
  ];
}

function imageUsage(size: number, images: NonNullable<DiskUsage['Images']>): UsageRow {
  const used = images.filter(({ Containers, SharedSize }) => Containers !== 0 && SharedSize !== -1);
  const reclaimable = size - sum(used.map((image) => image.Size - image.SharedSize));
  const active = images.filter(({ Containers }) => Containers > 0).length;
  return { type: 'Images', total: images.length, active, size, reclaimable, share: true };
}

function containerUsage(containers: NonNullable<DiskUsage['Containers']>): UsageRow {
  const idle = containers.filter((container) => !isActive(container));
  return {
    type: 'Containers',
    total: containers.length,
    active: containers.length - idle.length,
    size: sum(containers.map(({ SizeRw }) => SizeRw ?? 0)),
    reclaimable: sum(idle.map(({ SizeRw }) => SizeRw ?? 0)),
    share: true,
  };
}

function isActive({ State }: ContainerSummary): boolean {
  return ['running', 'paused', 'restarting'].includes(State);
}

function volumeUsage(volumes: NonNullable<DiskUsage['Volumes']>): UsageRow {
  const known = volumes.flatMap(({ UsageData }) => (UsageData && UsageData.Size !== -1 ? [UsageData] : []));
  return {
    type: 'Local Volumes',
    total: volumes.length,
    active: volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0).length,
    size: sum(known.map(({ Size }) => Size)),
    reclaimable: sum(known.filter(({ RefCount }) => RefCount === 0).map(({ Size }) => Size)),
    share: true,
  };
}

function cacheUsage(records: readonly CacheRecordSummary[]): UsageRow {
  const own = records.filter(({ Shared }) => !Shared);
  const size = sum(own.map(({ Size }) => Size));
  const inUse = sum(own.filter(({ InUse }) => InUse).map(({ Size }) => Size));
  const active = records.filter(({ InUse }) => InUse).length;
  return { type: 'Build Cache', total: records.length, active, size, reclaimable: size - inUse, share: false };
}

export function cacheSize(records: readonly CacheRecordSummary[]): number {
  return cacheUsage(records).size;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

export const usageListing: ListingKind<UsageRow> = {
  type: '*formatter.diskUsageContext',
  headings: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  fields: (row) => ({
    Type: () => row.type,
    TotalCount: () => String(row.total),
    Active: () => String(row.active),
    Size: () => humanSize(row.size),
    Reclaimable: () => {
      const text = humanSize(row.reclaimable);
      return row.share && row.size > 0 ? `${text} (${Math.trunc((row.reclaimable * 100) / row.size)}%)` : text;
    },
  }),
};

export const cacheListing: ListingKind<CacheRecordSummary> = {
  type: '*formatter.buildCacheContext',
  headings: {
    ID: 'CACHE ID',
    Parent: 'PARENT',
    CacheType: 'CACHE TYPE',
    Description: 'DESCRIPTION',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    UsageCount: 'USAGE',
    InUse: 'IN USE',
    Shared: 'SHARED',
  },
  fields: (record) => ({
    ID: () => record.ID.slice(0, 12) + (record.InUse ? '*' : ''),
    Parent: () => (record.Parents ?? []).join(', '),
    CacheType: () => record.Type,
    Description: () => record.Description,
    Size: () => humanSize(record.Size, 3),
    CreatedAt: () => goStamp(record.CreatedAt),
    CreatedSince: () => humanAgo(Date.parse(record.CreatedAt) / 1000),
    LastUsedAt: () => (record.LastUsedAt ? goStamp(record.LastUsedAt) : ''),
    LastUsedSince: () => (record.LastUsedAt ? humanAgo(Date.parse(record.LastUsedAt) / 1000) : ''),
    UsageCount: () => String(record.UsageCount),
    InUse: () => String(record.InUse),
    Shared: () => String(record.Shared),
  }),
};
