import type { TextRange, Warning } from '../types.ts';
import { type CheckConfig, isEnabled } from './config.ts';
import { type RuleName, ruleset } from './rules.ts';

/** Where checks put what they find. */
export type Report = (rule: RuleName, location: TextRange, message: string) => void;

export interface Reporter {
  readonly report: Report;
  readonly warnings: readonly Warning[];
}

/** Collects the findings of rules that are not skipped. */
export function createReporter(config: CheckConfig, origins: ReadonlySet<'docker' | 'strata'>): Reporter {
  const warnings: Warning[] = [];
  const report: Report = (name, location, message) => {
    const rule = ruleset[name];
    if (!origins.has(rule.origin) || !isEnabled(rule, config)) return;
    warnings.push({
      rule: name,
      description: rule.description,
      message,
      location,
      ...(rule.url === undefined ? {} : { url: rule.url }),
    });
  };
  return { report, warnings };
}
