import type { Invitation } from '../../domain/chats/invitations.js';

/** What the delivery of invitations needs of its inbox. */
export interface InvitationReceiver {
  readonly isClosed: boolean;
  /** Those that the client may lack. */
  readInvitations(): Promise<Invitation[]>;
  /** False when the inbox takes nothing now; it then asks again by itself. */
  takeInvitations(invitations: readonly Invitation[]): boolean;
  invitationsFailed(error: unknown): void;
}

/** Invitations that have changed, from the hint to the client: one read at a time, and each change once. */
export class InvitationDelivery {
  private isDue = false;
  private isReading = false;
  /** Of each invitation the newest change that the client has, as long as it is read again. */
  private readonly told = new Map<string, number>();

  constructor(private readonly inbox: InvitationReceiver) {}

  /** Whether all that is due has been delivered. */
  get isDone(): boolean {
    return !this.isDue && !this.isReading;
  }

  /** Changes with lower marks are not read any more. */
  forget(below: number): void {
    for (const [id, mark] of this.told) if (mark < below) this.told.delete(id);
  }

  /** Something has changed. */
  changed(): void {
    this.isDue = true;
    void this.deliver();
  }

  /** Delivers what is due. What could not be read stays due until invitations are checked. */
  async deliver(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.isDue && !this.inbox.isClosed) {
        this.isDue = false;
        if (!(await this.deliverSome())) return;
      }
    } catch (error) {
      this.isDue = true;
      this.inbox.invitationsFailed(error);
    } finally {
      this.isReading = false;
    }
  }

  private async deliverSome(): Promise<boolean> {
    const read = await this.inbox.readInvitations();
    const news = read.filter(({ id, mark }) => (this.told.get(id) ?? -1) < mark);
    if (!this.inbox.takeInvitations(news)) return false;
    for (const { id, mark } of news) this.told.set(id, mark);
    return true;
  }
}
