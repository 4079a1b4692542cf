import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0 },
  // Every word is the daemon's own to read, `--help` as well.
  passthrough: true,
  flags: {},
  async run({ args }) {
    const { runDaemon } = await import('../../../daemon/main.ts');
    return await runDaemon(args);
  },
});
