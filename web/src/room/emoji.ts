/** What is offered for a reaction, each with the name that it is read out by. */
export const EMOJI: readonly (readonly [emoji: string, name: string])[] = [
  ['👍', 'thumbs up'],
  ['❤️', 'heart'],
  ['😂', 'laughing'],
  ['🎉', 'party'],
  ['😮', 'surprised'],
  ['😢', 'sad'],
  ['🙏', 'thanks'],
  ['👀', 'looking'],
  ['✅', 'done'],
  ['🚀', 'rocket'],
  ['👏', 'applause'],
  ['🤔', 'thinking'],
];
