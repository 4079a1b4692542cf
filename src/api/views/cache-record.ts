import type { CacheRecord } from '../../build/index.ts';

export function cacheRecordView(record: CacheRecord): Record<string, unknown> {
  return {
    ID: record.id,
    ...(record.parents.length > 0 && { Parents: record.parents }),
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
