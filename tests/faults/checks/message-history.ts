import type { Row } from '../database-state.js';
import type { MessageState } from '../entries.js';

/** A message after one of its changes. */
interface Moment {
  /** The number of the change. */
  seq: number;
  revision: number;
  isDeleted: boolean;
  isPinned: boolean;
}

/** The states that one message had, as its chat's log tells. Each change begins a moment; the first is that of the message itself. */
export class MessageHistory {
  private readonly moments: Moment[] = [];
  private readonly contents: ReadonlySet<string>;

  /**
   * @param row of the message
   * @param message as it is now
   * @param changes the rows of its later changes, by number
   * @param contents all that anybody wanted it to say
   */
  constructor(
    readonly row: Row,
    readonly message: MessageState,
    readonly changes: readonly Row[],
    contents: readonly (string | undefined)[],
  ) {
    this.contents = new Set(contents.filter((content) => content !== undefined));
    let moment: Moment = { seq: row.seq, revision: 0, isDeleted: false, isPinned: false };
    this.moments.push(moment);
    for (const { kind, seq } of changes) {
      const isDeleted = moment.isDeleted || kind === 'message.deleted';
      moment = {
        seq,
        revision: moment.revision + (kind === 'message.edited' ? 1 : 0),
        isDeleted,
        isPinned: !isDeleted && (kind === 'message.pinned' || (moment.isPinned && kind !== 'message.unpinned')),
      };
      this.moments.push(moment);
    }
  }

  /** The number of the deletion; undefined for a message that is not deleted. */
  get deletedAt(): number | undefined {
    return this.changes.find(({ kind }) => kind === 'message.deleted')?.seq;
  }

  /** The newest moment. */
  get last(): Moment {
    const last = this.moments.at(-1);
    if (!last) throw new Error('A message has at least one moment.');
    return last;
  }

  /** The index of the newest moment up to this number. */
  momentAt(seq: number): number {
    return this.moments.findLastIndex((moment) => moment.seq <= seq);
  }

  /** The index of the first moment, not before `from`, at which the message may have looked so; undefined when there is none. */
  find(shown: MessageState, from: number): number | undefined {
    const index = this.moments.findIndex((moment, each) => each >= from && this.mayLook(shown, moment));
    return index === -1 ? undefined : index;
  }

  private mayLook(shown: MessageState, { revision, isDeleted, isPinned }: Moment): boolean {
    const { sender, replyTo, thread } = this.message;
    const { mentions, metadata, reactions } = shown;
    const isPlace = shown.sender === sender && shown.replyTo === replyTo && shown.thread === thread;
    const isOfMoment =
      (shown.revision ?? 0) === revision &&
      (shown.isDeleted ?? false) === isDeleted &&
      (shown.pinnedBy !== undefined) === isPinned;
    if (!isPlace || !isOfMoment) return false;
    if (isDeleted) return shown.content === '' && !mentions && metadata === undefined && !reactions;
    const content = this.row.versions?.[revision] ?? undefined;
    return content === undefined ? this.contents.has(shown.content) : shown.content === content;
  }
}
