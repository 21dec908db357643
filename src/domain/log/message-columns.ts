/** The columns of a message, from `messages m`. */
export const PLAIN_COLUMNS = 'm.seq, m.id, m.content, m.nonce, m.created_at, m.sender_id, m.flags';

/** The same and the sender's columns, from `users u`. */
export const MESSAGE_COLUMNS = `${PLAIN_COLUMNS}, u.username, u.first_name, u.last_name, u.role, u.date_joined`;
