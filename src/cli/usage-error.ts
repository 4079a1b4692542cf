/** The command line itself is wrong; shown with the synopsis of the command. */
export class UsageError extends Error {
  /** It was a question for help, not a mistake. */
  readonly help: boolean;
  /** 125 for wrong options, 1 for wrong arguments, as docker does. */
  readonly exitCode: number;
  /** Said in front of the message; wrong arguments name the program, wrong options do not. */
  readonly named: boolean;

  constructor(
    message: string,
    options: { readonly help?: boolean; readonly exitCode?: number; readonly named?: boolean } = {},
  ) {
    super(message);
    this.name = 'UsageError';
    this.help = options.help ?? false;
    this.exitCode = options.exitCode ?? 125;
    this.named = options.named ?? false;
  }
}
