import type { Client } from '../../client/index.ts';
import { familiarRepository, parseReference, withDefaultTag } from '../../oci/index.ts';
import { credentialsFor } from '../registry-auth.ts';
import type { Output, Session } from '../session.ts';
import { abortOnInterrupt } from '../terminal/signals.ts';
import { showMessages } from './show-messages.ts';

export interface PullOptions {
  readonly platform: string;
  readonly quiet: boolean;
  readonly output: Output;
  readonly allTags?: boolean;
}

/** Pulls an image and shows how that goes. */
export async function pullImage(client: Client, session: Session, name: string, options: PullOptions): Promise<void> {
  const given = parseReference(name);
  const ref = options.allTags ? given : withDefaultTag(given);
  const auth = await credentialsFor(session, name);
  const interrupt = abortOnInterrupt(session);
  try {
    const messages = client.images.pull({
      image: familiarRepository(ref),
      ...(options.allTags ? {} : { tag: ref.digest ?? ref.tag ?? '' }),
      platform: options.platform,
      signal: interrupt.signal,
      ...(auth && { auth }),
    });
    await showMessages(messages, { output: options.quiet ? nowhere : options.output });
  } finally {
    interrupt.stop();
  }
}

/** Takes everything and shows nothing. */
export const nowhere: Output = {
  isTTY: false,
  columns: undefined,
  rows: undefined,
  write() {},
  async drained() {},
  onResize: () => () => {},
};
