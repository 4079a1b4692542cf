/** The program: the command line, and the daemon that it starts. */
import { main } from './cli/main.ts';
import { ownArguments } from './cli/own-process.ts';

void main(ownArguments()).then((code) => {
  process.exitCode = code;
});
