import { type ExecuteOptions, executeTemplate } from './execute.ts';
import { headerFunctions, templateFunctions } from './functions.ts';
import { parseTemplate } from './parse.ts';

export interface Template {
  /** The text for one piece of data. Throws a TemplateError. */
  render(data: unknown, options?: Omit<ExecuteOptions, 'functions'>): string;
  /** The heading of a table: the same template over headings. */
  renderHeader(headings: unknown): string;
}

/** Compiles a format in the language of Go's text/template, with docker's functions. Throws a TemplateError. */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source, (name) => Object.hasOwn(templateFunctions, name));
  return {
    render: (data, options = {}) => executeTemplate(source, nodes, data, { ...options, functions: templateFunctions }),
    renderHeader: (headings) => executeTemplate(source, nodes, headings, { functions: headerFunctions }),
  };
}
