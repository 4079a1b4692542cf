import type { CacheRecord } from '../../builder/index.ts';
import { before } from '../version.ts';

export function cacheRecordView(record: CacheRecord, version: string): Record<string, unknown> {
  return {
    ID: record.id,
    ...(record.parents.length > 0 &&
      (before(version, 'severalParents') ? { Parent: record.parents[0] } : { Parents: record.parents })),
    Type: record.type,
    Description: record.description,
    InUse: record.inUse,
    Shared: record.shared,
    Size: record.size,
    CreatedAt: record.createdAt,
    LastUsedAt: record.lastUsedAt,
    UsageCount: record.usageCount,
  };
}
