/** Streams and sockets of Node: what several rooms need and Node has no function for. */
export { createKeyWatch, parseDetachKeys } from './detach-keys.ts';
export { drained } from './drained.ts';
export { listen, listenPrivately } from './listen.ts';
