/** The program: the command line, and the daemon that it starts. */
import { main } from './cli/main.ts';

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
