import type { CredentialServices } from '../credentials/services.js';
import type { Database } from '../database.js';
import { type BotCreation, Bots } from './bots.js';
import { ExternalUsers } from './external-users.js';
import { Guests } from './guests.js';
import { UserUpserts } from './user-upserts.js';
import { type UserChangeListener, Users } from './users.js';

export interface PeopleOptions {
  /** Who makes bots. Default: admins. */
  botCreation?: BotCreation | undefined;
}

export interface PeopleServices {
  users: Users;
  userUpserts: UserUpserts;
  bots: Bots;
  guests: Guests;
  externalUsers: ExternalUsers;
}

export function peopleServices(
  db: Database,
  { hasher, attempts }: CredentialServices,
  onUserChange: UserChangeListener,
  { botCreation }: PeopleOptions = {},
): PeopleServices {
  return {
    users: new Users(db, hasher, onUserChange, attempts),
    userUpserts: new UserUpserts(db, onUserChange),
    bots: new Bots(db, onUserChange, botCreation),
    guests: new Guests(db, onUserChange),
    externalUsers: new ExternalUsers(db),
  };
}
