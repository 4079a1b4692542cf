import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0 },
  // Every word is the daemon's own to read, `--help` as well.
  passthrough: true,
  flags: {},
  async run({ args }) {
    const { runDaemon } = await import('../../../daemon/main.ts');
    const code = await runDaemon(args);
    // A start that failed halfway may have left threads and timers, which would keep the process for ever.
    if (code !== 0) process.exit(code);
    return code;
  },
});
