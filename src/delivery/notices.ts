import { id, MalformedPayload, parsePayload } from './payload.js';

/** A message between processes about a token family or a user. */
export type Notice =
  | { type: 'families.revoked'; familyIds: string[] }
  | { type: 'family.rotated'; familyId: string }
  | { type: 'user.changed'; userId: string };

/** Ids per notice. A longer list takes several notices. */
const MAX_IDS = 1000;

export function revocations(familyIds: readonly string[]): Notice[] {
  const notices: Notice[] = [];
  for (let first = 0; first < familyIds.length; first += MAX_IDS)
    notices.push({ type: 'families.revoked', familyIds: familyIds.slice(first, first + MAX_IDS) });
  return notices;
}

/** Leaves out members that this version does not know. @throws MalformedPayload for anything else that is not a notice. */
export function parseNotice(payload: string): Notice {
  const { type, familyIds, familyId, userId } = parsePayload(payload);
  if (type === 'family.rotated') return { type, familyId: id(familyId, 'familyId') };
  if (type === 'user.changed') return { type, userId: id(userId, 'userId') };
  if (type !== 'families.revoked') throw new MalformedPayload('type');
  if (!Array.isArray(familyIds) || familyIds.length > MAX_IDS) throw new MalformedPayload('familyIds');
  return { type, familyIds: familyIds.map((familyId) => id(familyId, 'familyIds')) };
}
