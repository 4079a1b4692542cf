export type {
  Builder,
  BuildRequest,
  BuildResult,
  CacheRecord,
  ContextSource,
  NamedContext,
  OutputSpec,
} from './types.ts';
