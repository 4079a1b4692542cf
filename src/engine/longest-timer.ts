/** A timer of more milliseconds than this fires at once. */
export const longestTimer = 2 ** 31 - 1;
