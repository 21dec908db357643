/** Who may invite to a chat. */
export const INVITE_POLICIES = ['moderators', 'members'] as const;
export type InvitePolicy = (typeof INVITE_POLICIES)[number];
