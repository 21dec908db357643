/** Outlines of 24 by 24. */
const PATHS = {
  add: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  chats: 'M4 5h16v11H9l-5 4z',
  close: 'M6 6l12 12M18 6L6 18',
  delete: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  block: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM6 6l12 12',
  down: 'M12 5v14M6 13l6 6 6-6',
  edit: 'M4 20l1-4L16 5l3 3L8 19z',
  flag: 'M6 21V4M6 5c4-2 7 2 12 0v9c-5 2-8-2-12 0',
  find: 'M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM15.5 15.5L20 20',
  invite: 'M4 6h16v12H4zM4 7l8 6 8-6',
  logOut: 'M14 4h5v16h-5M4 12h10M10 8l4 4-4 4',
  mute: 'M4 10v4h3l5 4V6L7 10zM16 9l5 6M21 9l-5 6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.8c2.1.700 3.3 2.5 3.5 5.2',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6',
  react: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5c1.8 2.3 5.2 2.3 7 0M9 9.5h.01M15 9.5h.01',
  reply: 'M10 6l-6 6 6 6M4 12h9c4 0 6.5 2 7 6',
  remove: 'M10 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c.4-3.6 3.3-5.5 7-5.5s6.6 1.9 7 5.5M16 11h6',
  retry: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  send: 'M4 12l16-8-6 16-3-6z',
  theme: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  thread: 'M4 5h16v10h-9l-4 4v-4H4zM8 9h8M8 12h5',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a label, which says it in words. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M9 9h14a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3h-7l-5 4v-4H9a3 3 0 0 1-3-3v-7a3 3 0 0 1 3-3Z" />
    </svg>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick: (event: MouseEvent) => void;
  pressed?: boolean | undefined;
  expanded?: boolean | undefined;
}

export function IconButton({ icon, label, onClick, pressed, expanded }: IconButtonProps) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
