import type { Visibility } from '../../../domain/visibility.js';
import { builder } from '../builder.js';

export const VisibilityEnum = builder.enumType('Visibility', {
  description: 'Who finds a chat.',
  values: {
    private: { description: 'Only its members know of it.' },
    public: { description: 'Everybody who is signed in finds it in `publicChats`, and may join.' },
  } as const satisfies Record<Visibility, object>,
});
