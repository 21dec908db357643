/** Who an encoding is for: `author` is the user whom `authorOf` names for the event, and who is shown more than others. */
export type Audience = 'author' | 'others';
