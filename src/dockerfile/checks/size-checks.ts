import type { Dockerfile } from '../types.ts';
import type { Report } from './reporter.ts';

export function checkSizes(_dockerfile: Dockerfile, _report: Report): void {}
