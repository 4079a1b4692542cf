import type { Container } from '../container/index.ts';
import type { Images } from '../image/index.ts';

/** The image as lists show it: the name it was made from while that name still means the same image, else its id. */
export async function shownImage(images: Pick<Images, 'find'>, container: Container): Promise<string> {
  const named = container.config.Image ?? '';
  if (container.imageID === null) return named;
  const found = named === '' ? undefined : await images.find(named).catch(() => undefined);
  return found?.id === container.imageID ? named : container.imageID;
}

/** Bytes of the image and of the writable layer are told apart by clients: this is the image's part. */
export async function rootSize(images: Pick<Images, 'find'>, container: Container): Promise<number> {
  if (container.imageID === null) return 0;
  return (await images.find(container.imageID))?.size ?? 0;
}
