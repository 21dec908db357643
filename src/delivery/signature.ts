import { hash, timingSafeEqual } from 'node:crypto';

/** Bytes of a block and of a digest of SHA-256. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Characters of a digest in base64url. */
const PROOF_LENGTH = 43;
const [IPAD, OPAD] = [0x36, 0x5c];

/**
 * Signs messages with HMAC-SHA256 (https://datatracker.ietf.org/doc/html/rfc2104): the proof shows that a process of this
 * deployment sent the message on that channel. It is made of two digests, because `createHmac` allocates a C++ object per call: 2.1 →
 * 1.0 µs per message. The HMAC key is the base64url text of the given key, so that the inner digest's input is a string and
 * nothing has to be copied.
 */
export class Signature {
  private readonly inner: string;
  private readonly outer: Buffer;

  /** @param key at most 48 bytes, so that its base64url text fits into a block */
  constructor(key: Buffer) {
    const text = Buffer.alloc(BLOCK_BYTES);
    text.write(key.toString('base64url'), 'latin1');
    this.inner = Buffer.from(text.map((byte) => byte ^ IPAD)).toString('latin1');
    this.outer = Buffer.concat([text.map((byte) => byte ^ OPAD), Buffer.alloc(DIGEST_BYTES)]);
  }

  /** Returns the proof followed by the message. */
  sign(channel: string, message: string): string {
    return this.proof(channel, message) + message;
  }

  /** Returns the message without its proof; undefined when the proof does not match this key, channel and message. */
  verified(channel: string, signed: string): string | undefined {
    const message = unverified(signed);
    const [given, expected] = [Buffer.from(signed.slice(0, PROOF_LENGTH)), Buffer.from(this.proof(channel, message))];
    return given.length === expected.length && timingSafeEqual(given, expected) ? message : undefined;
  }

  private proof(channel: string, message: string): string {
    hash('sha256', `${this.inner}${channel}\n${message}`, 'buffer').copy(this.outer, BLOCK_BYTES);
    return hash('sha256', this.outer, 'base64url');
  }
}

/** The message without its proof, which is not checked. */
export function unverified(signed: string): string {
  return signed.slice(PROOF_LENGTH);
}
