/**
 * What `@microsoft/vscode-container-client` takes from VS Code, which is here only inside of VS Code: the kinds of quotes
 * (https://code.visualstudio.com/api/references/vscode-api#ShellQuoting) and of files. To be imported before it.
 */
import { registerHooks } from 'node:module';

const source = `
exports.ShellQuoting = { Escape: 1, Strong: 2, Weak: 3 };
exports.FileType = { Unknown: 0, File: 1, Directory: 2, SymbolicLink: 64 };
exports.CancellationError = class extends Error {};
`;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'vscode'
      ? { url: 'strata-test:vscode', format: 'commonjs', shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) =>
    url === 'strata-test:vscode' ? { format: 'commonjs', source, shortCircuit: true } : next(url, context),
});
