import { describe, expect, it } from 'vitest';
import type { Change, MessageState } from './entries.js';
import { isSameState, viewOf } from './view.js';

const SENT: MessageState = { sender: 'ann', content: 'hi' };
const EDITED: MessageState = { ...SENT, content: 'hello', revision: 1 };
const THUMBS = [{ emoji: '👍', count: 1, users: ['bob'] }];

describe('a view', () => {
  it('has the messages that were created, as the newest change shows them', () => {
    const view = viewOf([change(1, 'message.created', SENT), change(2, 'message.edited', EDITED)]);
    expect([...view]).toEqual([['m', EDITED]]);
  });

  it('leaves out a message that it has not loaded', () => {
    expect(viewOf([change(2, 'message.edited', EDITED)]).size).toBe(0);
  });

  it('takes reactions alone, and with their message', () => {
    const created = change(1, 'message.created', SENT);
    const alone: Change = { seq: 2, kind: 'message.reactions', subject: 'm', reactions: THUMBS };
    const withMessage = change(2, 'message.reactions', { ...SENT, reactions: THUMBS });
    for (const reacted of [alone, withMessage])
      expect(viewOf([created, reacted]).get('m')).toEqual({ ...SENT, reactions: THUMBS });
    expect(viewOf([created, alone, { ...alone, seq: 3, reactions: [] }]).get('m')).toEqual(SENT);
  });

  it('is not changed by the same change again, or by changes of members', () => {
    const changes = [change(1, 'message.created', SENT), change(2, 'message.deleted', { sender: 'ann', content: '' })];
    const joined: Change = { seq: 3, kind: 'member.added', subject: 'bob' };
    expect(viewOf([...changes, ...changes.slice(1), joined])).toEqual(viewOf(changes));
  });
});

describe('isSameState', () => {
  it('compares the users of reactions where both name them', () => {
    const [counted] = [{ ...SENT, reactions: [{ emoji: '👍', count: 1 }] }];
    expect(isSameState({ ...SENT, reactions: THUMBS }, counted)).toBe(true);
    const others = { ...SENT, reactions: [{ emoji: '👍', count: 1, users: ['cid'] }] };
    expect(isSameState({ ...SENT, reactions: THUMBS }, others)).toBe(false);
    expect(isSameState({ ...SENT, reactions: [] }, SENT)).toBe(true);
    expect(isSameState(counted, SENT)).toBe(false);
  });
});

function change(seq: number, kind: Change['kind'], message: MessageState): Change {
  return { seq, kind, subject: 'm', message };
}
