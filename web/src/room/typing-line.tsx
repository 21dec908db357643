import { useRoomTools } from './room-context.js';

/** Who is writing, in the main timeline or in a thread. */
export function TypingLine({ thread }: { thread: string | null }) {
  const { state } = useRoomTools();
  const names = state.typing.filter((one) => one.thread === thread).map(({ user }) => user.username);
  return <p class="typing">{textOf(names)}</p>;
}

function textOf([first, second, ...more]: readonly string[]): string {
  if (first === undefined) return '';
  if (second === undefined) return `${first} is writing …`;
  if (more.length === 0) return `${first} and ${second} are writing …`;
  return `${first}, ${second} and ${more.length === 1 ? 'another' : `${more.length} others`} are writing …`;
}
