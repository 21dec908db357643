import { once } from 'node:events';
import { WebSocketServer } from 'ws';

/** What it does wrong with the tenth message. */
export type Fault = 'none' | 'drops' | 'repeats' | 'swaps' | 'alters' | 'refuses' | 'acknowledges wrongly' | 'hangs up';

const FAULTY = 10;

/** An in-memory chat server with a raw channel on a free port. It makes one mistake. */
export async function startFaultyTarget(fault: Fault): Promise<{ port: number; close(): void }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  let seq = 0;
  let heldBack: string | undefined;
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const { id, content }: { id: string; content: string } = JSON.parse(data.toString());
      seq += 1;
      const isFaulty = seq === FAULTY;
      const seen = isFaulty && fault === 'alters' ? content.replace('x', 'y') : content;
      const event = JSON.stringify({ type: 'message.created', seq, message: { seq, content: seen } });
      const told = isFaulty && fault === 'acknowledges wrongly' ? seq + 1 : seq;
      const answer = isFaulty && fault === 'refuses' ? { type: 'error' } : { type: 'ack', message: { seq: told } };
      socket.send(JSON.stringify({ ...answer, id }));
      // The mistake concerns one listener; the others get everything.
      for (const [index, listener] of [...server.clients].entries())
        for (const text of index === 0 ? withFault(event, isFaulty) : [event]) listener.send(text);
      if (isFaulty && fault === 'hangs up') socket.terminate();
    });
    socket.send(JSON.stringify({ type: 'hello', cursor: `bench:${seq}` }));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('It listens on no port.');
  return {
    port: address.port,
    close: () => {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };

  function withFault(event: string, isFaulty: boolean): string[] {
    const before = heldBack;
    heldBack = undefined;
    if (before !== undefined) return [event, before];
    if (!isFaulty) return [event];
    if (fault === 'swaps') heldBack = event;
    if (fault === 'drops' || fault === 'swaps') return [];
    return fault === 'repeats' ? [event, event] : [event];
  }
}
