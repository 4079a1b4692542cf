import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0 },
  // Every word is the daemon's own to read, `--help` as well.
  passthrough: true,
  flags: {},
  async run({ args }) {
    const { runDaemon } = await import('../../../daemon/main.ts');
    const { serveCommands } = await import('../../resident/serve.ts');
    // Not by itself: an exec goes on after the daemon, and its pipes would keep this process; so would the threads of a
    // start that failed halfway.
    process.exit(await runDaemon(args, serveCommands));
  },
});
