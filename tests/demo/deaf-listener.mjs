// Loaded before the demo: a network that loses the last message on its way to one listener, the WebSocket's.
import WebSocket from 'ws';

const { emit } = WebSocket.prototype;
WebSocket.prototype.emit = function (event, ...values) {
  const isLost =
    event === 'message' && this.protocol === 'chat.v1' && /message\.created.*in one order/.test(String(values[0]));
  return isLost && this.url ? true : emit.call(this, event, ...values);
};
