import type { Message } from '@chat-api/client';
import type { ComponentChildren } from 'preact';
import { EVERYBODY, splitMentions } from './mentions.js';

const LINK = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?'()[\]{}])/;

type Named = Pick<Message, 'content' | 'mentions' | 'mentionsAll'>;

/** What somebody wrote, with links and with the names of whom it mentions. Never HTML. */
export function MessageText({ message, me }: { message: Named; me: string | undefined }) {
  const names = new Set(message.mentions.map(({ username }) => username));
  if (message.mentionsAll) names.add(EVERYBODY);
  const own = message.mentions.find(({ id }) => id === me)?.username;
  const parts = message.content.split(LINK).flatMap((part, at): ComponentChildren[] => {
    if (at % 2 === 1)
      return [
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text are in its order
        <a key={at} href={part} target="_blank" rel="noopener noreferrer">
          {part}
        </a>,
      ];
    return splitMentions(part, names).map(({ text, isMention }, index) => {
      if (!isMention) return text;
      const isOwn = text === `@${own}` || text === `@${EVERYBODY}`;
      return (
        // biome-ignore lint/suspicious/noArrayIndexKey: as above
        <span key={`${at}-${index}`} class={isOwn ? 'mentioned own' : 'mentioned'}>
          {text}
        </span>
      );
    });
  });
  return <>{parts}</>;
}
