/** Streams and sockets of Node: what several rooms need and Node has no function for. */
export { drained } from './drained.ts';
export { listen, listenPrivately } from './listen.ts';
